import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { headParameters } from '../../src/models/text-encoder.ts';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { applyPatchToDirectory } from '../../src/node/merge.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { classificationMetrics } from '../../src/tasks/labels.ts';
import type { Task, TextExample } from '../../src/tasks/task.ts';
import { fineTune } from '../../src/training/fine-tune.ts';

const fixtures = fileURLToPath(new URL('../fixtures/models/', import.meta.url));
const architectures = readdirSync(fixtures).filter((name) => existsSync(join(fixtures, name, 'tokens.json')));
const environment = nodeEnvironment({ threads: 1 });
const scratch = mkdtempSync(join(tmpdir(), 'gspf-fine-tuning-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const labels = ['a', 'b', 'c'];
const words = ['tamo', 'be', 'ru', 'ildo', 'an'];
const examples: TextExample[] = Array.from({ length: 24 }, (_, i) => ({
  text: Array.from({ length: 1 + (i % 4) }, (_, j) => words[(i + j) % words.length]).join(' '),
  ...(i % 3 === 0 ? { textPair: 'mo un' } : {}),
  label: i % 3,
}));
const task: Task = {
  kind: 'text-classification',
  name: 'text-classification',
  labels,
  train: examples,
  evaluation: examples.slice(0, 6),
  notes: [],
  ...classificationMetrics(labels),
};

test.each(architectures)(
  'the tiny %s is fine-tuned, merged, and read back as what it was trained to',
  async (name) => {
    const directory = join(fixtures, name);
    const model = await openModelDirectory(directory);
    const options = { epochs: 4, batchSize: 4, lr: 3e-2, maxLength: 14, select: { ratio: 0.2 } } as const;
    const { patch, report } = await fineTune(model, task, options, environment);
    expect(report.frozen.identical).toBe(true);
    const head = headParameters(model.encoder, model.encoder.sequenceHead, 3).map(
      (parameter) => parameter.name,
    );
    const changed = [...patch.tensors.keys()];
    expect(changed).toEqual(expect.arrayContaining(head));

    const out = join(scratch, name);
    await applyPatchToDirectory(directory, patch, out);
    const merged = await openModelDirectory(out);
    expect(merged.config['architectures']).toEqual(model.config['architectures']);
    expect(merged.labels).toEqual(labels);
    // transformers tells 10000.0 from 10000.
    const text = (folder: string): string => readFileSync(join(folder, 'config.json'), 'utf8');
    const floats = (folder: string) =>
      [...text(folder).matchAll(/"\w+": \d+\.0(?=[,\n])/g)].map(String).sort();
    expect(floats(out)).toEqual(floats(directory));
    const [before, after] = [await model.readTensors(), await merged.readTensors()];
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
  },
);
