import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { narrow, widen, widenAll } from '../../src/models/half-precision.ts';
import { classifierGraph } from '../../src/models/sequence-classification.ts';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { createSha256 } from '../../src/node/files.ts';
import { applyPatchToDirectory, diffModelDirectories, revertPatchInDirectory } from '../../src/node/merge.ts';
import { loadModel } from '../../src/node/model.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { decodePatch, encodePatch } from '../../src/patch/patch.ts';
import { verifyPatch } from '../../src/patch/verify.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { classificationMetrics } from '../../src/tasks/labels.ts';
import type { Task } from '../../src/tasks/task.ts';
import { float32, int64, type Tensor, zeros } from '../../src/tensor.ts';
import { fineTune } from '../../src/training/fine-tune.ts';
import { relativeError } from '../numbers.ts';

const fixtures = fileURLToPath(new URL('../fixtures/half-precision/', import.meta.url));
const tensorsOf = (file: string) => decodeSafetensors(readFileSync(join(fixtures, file)), file).tensors;
const scratch = mkdtempSync(join(tmpdir(), 'gspf-half-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const labels = ['a', 'b', 'c'];
const words = ['borl', 'flim', 'tavu', 'nesk', 'grum'];
const examples = Array.from({ length: 16 }, (_, i) => ({
  text: Array.from({ length: 1 + (i % 4) }, (_, j) => words[(i + j) % words.length]).join(' '),
  label: i % 3,
}));
const task: Task = {
  kind: 'text-classification',
  name: 'text-classification',
  labels,
  train: examples,
  evaluation: examples.slice(0, 9),
  notes: [],
  ...classificationMetrics(labels),
};

describe.each(['float16', 'bfloat16'] as const)('%s', (dtype) => {
  test('rounds as PyTorch does', () => {
    const rounding = tensorsOf('rounding.safetensors');
    const { shape, data } = rounding.get('values')!;
    const values = float32(shape, Float32Array.from(data, Number));
    expect(Array.from(narrow(values, dtype).data)).toEqual(Array.from(rounding.get(dtype)!.data, Number));
  });

  test('holds every bit pattern through float32 and back', () => {
    const all: Tensor<typeof dtype> = {
      dtype,
      shape: [0x10000],
      data: Uint16Array.from({ length: 0x10000 }, (_, bits) => bits),
    };
    expect(narrow(widen(all), dtype)).toEqual(all);
  });

  const directory = join(fixtures, dtype);

  test("a model stored in it gives transformers' logits", async () => {
    const { encoder, readTensors } = await openModelDirectory(directory);
    const expected = tensorsOf(`${dtype}/expected.safetensors`);
    const ids = expected.get('input_ids')!;
    const [batch = 0, sequence = 0] = ids.shape;
    const forward = specialize(classifierGraph(encoder, 3), {
      dims: { batch, sequence },
      variables: new Set(),
    });
    const executable = await nodeEnvironment({ threads: 1 }).backend.compile(forward);
    const logits = zeros('float32', [batch, 3]);
    const feeds = new Map<string, Tensor>([
      ...widenAll(await readTensors()),
      ['input_ids', int64([batch, sequence], Array.from(ids.data, Number))],
      [
        'attention_mask',
        int64(
          [batch, sequence],
          Array.from({ length: batch * sequence }, () => 1),
        ),
      ],
      ['token_type_ids', zeros('int64', [batch, sequence])],
    ]);
    await executable.run(feeds, new Map([['logits', logits]]));
    await executable.release();
    expect(relativeError(logits, expected.get('logits'))).toBeLessThan(1e-5);
  });

  test('a patch holds values of it: applied, scored, compared and reverted to the bit', async () => {
    const model = await loadModel(directory, { threads: 1 });
    const options = { epochs: 3, batchSize: 8, lr: 1e-2, maxLength: 12, select: { ratio: 0.1 } } as const;
    const { patch, report } = await fineTune(model, task, options, model.environment);
    const types = [...patch.tensors.values()].map((update) =>
      update.kind === 'dense' ? update.tensor.dtype : update.values.dtype,
    );
    expect(new Set(types)).toEqual(new Set([dtype]));
    expect(decodePatch(encodePatch(patch), 'patch')).toEqual(patch);
    const base = await model.readTensors();
    expect(verifyPatch(base, patch, { createSha256 }).filter(({ ok }) => !ok)).toEqual([]);

    const merged = join(scratch, dtype);
    await applyPatchToDirectory(directory, patch, merged);
    // The report's scores, those of the patch on the base, and those of the merged model: the rounded one, all three.
    const tuned = await loadModel(merged, { threads: 1 });
    const scores = await tuned.evaluate(task);
    expect(scores).toEqual(await model.with(patch).evaluate(task));
    expect(report.metrics).toEqual(scores);
    expect(await tuned.readTensors()).toEqual(await model.with(patch).readTensors());

    const whole = await model.with(patch).readTensors();
    const patched = model.with(patch);
    for (const [name, tensor] of whole) {
      expect(await patched.readTensors(new Set([name]))).toEqual(new Map([[name, tensor]]));
    }

    const difference = await diffModelDirectories(directory, merged);
    expect(difference.tensors).toEqual(patch.tensors);
    const restored = join(scratch, `${dtype}-restored`);
    await revertPatchInDirectory(merged, restored);
    expect(await (await openModelDirectory(restored)).readTensors()).toEqual(base);
    await tuned.release();
    await model.release();
  });
});
