import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { differentiate, gradientName } from '../../src/autodiff/differentiate.ts';
import { LOSS } from '../../src/models/sequence-classification.ts';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { textFeeds } from '../../src/objectives/text-feeds.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { classificationMetrics } from '../../src/tasks/labels.ts';
import { zeros } from '../../src/tensor.ts';
import { beginRun } from '../../src/training/begin-run.ts';
import { denseGradient } from '../../src/training/gradient.ts';
import { relativeError } from '../numbers.ts';

const directory = fileURLToPath(new URL('../fixtures/bert/tiny-encoder', import.meta.url));
const model = await openModelDirectory(directory);
const environment = nodeEnvironment({ threads: 1 });
const examples = ['borl borl flim', 'tavu and not borl', 'not', 'and and and flim'].map((text, i) => ({
  text,
  label: i % 2,
}));

test('the gradient of an embedding by rows is its dense gradient', async () => {
  const task = {
    kind: 'text-classification',
    name: 'text-classification',
    labels: ['a', 'b'],
    train: examples,
    evaluation: examples,
    notes: [],
    ...classificationMetrics(['a', 'b']),
  } as const;
  const options = { method: 'full', dropout: 'off', batchSize: 4 } as const;
  const { run } = await beginRun(model, task, options, environment, {});
  const { withLoss, weights, objective, padTokenId } = run.prepared;
  const tables = [...run.passes.gatheredTables().keys()];
  expect(tables).toEqual([
    'bert.embeddings.word_embeddings.weight',
    'bert.embeddings.token_type_embeddings.weight',
  ]);
  const gradients = run.passes.gradients(new Map(tables.map((name) => [name, 'all'])));
  const [batch] = run.batches(1);
  const loss = await run.computeGradients(batch!, gradients);

  const { rows, length } = batch!;
  const dims = { batch: rows.length, sequence: length };
  const forward = specialize(withLoss, { dims, variables: new Set() });
  const outputs = forward.outputs.filter(({ name }) => name === LOSS);
  const dense = differentiate({ ...forward, outputs }, { loss: LOSS, wrt: tables });
  const executable = await environment.backend.compile(dense);
  const feeds = textFeeds(
    Array.from(rows, (row) => objective.train.texts![row]!),
    length,
    padTokenId,
  );
  for (const [name, target] of objective.targets(rows, length, 1)) feeds.set(name, target);
  const results = new Map(
    dense.outputs.map(({ name, shape }) => [name, zeros('float32', shape.map(Number))]),
  );
  await executable.run(new Map([...weights, ...feeds]), results);

  expect(loss).toBe(results.get(LOSS)?.data[0]);
  for (const name of tables) {
    const wanted = results.get(gradientName(name))!;
    const got = gradients.gradients.get(name)!;
    expect(got.rows).toEqual(Int32Array.from(new Set(got.rows)).sort());
    const data = denseGradient(got, weights.get(name)!.data.length);
    expect(relativeError({ data }, wanted)).toBeLessThan(1e-6);
  }
  await executable.release();
  await gradients.release();
  await run.release();
});
