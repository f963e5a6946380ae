import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTrainOptions } from '../../src/cli/train-options.ts';
import { typicalCosts } from '../../src/lowering/sparse-costs.ts';
import { machineCosts } from '../../src/node/cost-table.ts';
import { fineTune } from '../../src/training/fine-tune.ts';
import { environment, model, task } from '../training/tiny-task.ts';

const directory = await mkdtemp(join(tmpdir(), 'gspf-costs-'));

async function written(name: string, content: unknown): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, JSON.stringify(content));
  return path;
}

test('a cost table is read from a file of its own or from run.json, and gives way to --set', async () => {
  const costs = { ...typicalCosts, pick: 1 };
  const own = await written('costs.json', costs);
  const ofRun = await written('run.json', { format: 'gspf-run', options: { lr: 1, sparseCosts: costs } });
  for (const costTable of [own, ofRun]) {
    expect((await readTrainOptions({ costTable })).sparseCosts).toEqual(costs);
  }
  const set = await readTrainOptions({ costTable: own, set: ['sparseCosts.pick=2'] });
  expect(set.sparseCosts).toMatchObject({ pick: 2, node: typicalCosts.node });
});

test('a file of something else is refused, naming what it holds', async () => {
  const foreign = await written('foreign.json', { picks: 1 });
  await expect(readTrainOptions({ costTable: foreign })).rejects.toThrow(/picks/);
});

test('another table changes rounding at most, and the report has it', async () => {
  const options = { epochs: 2, batchSize: 4, lr: 3e-3, dropout: 'off', select: { ratio: 0.05 } } as const;
  // Free nodes and copies, dear products: every matrix element by element.
  const sparseCosts = { operation: 1000, pick: 1000, transpose: 0, copy: 0, multiply: 0, reduce: 0, node: 0 };
  const usual = await fineTune(model, task, options, environment);
  const other = await fineTune(model, task, { ...options, sparseCosts }, environment);
  expect(other.report.options.sparseCosts).toEqual(sparseCosts);
  expect(other.report.selections[0]!.perTensor).toEqual(usual.report.selections[0]!.perTensor);
  expect(other.report.metrics['loss']).toBeCloseTo(usual.report.metrics['loss']!, 4);
});

test('auto measures the machine once, keeps what it found, and makes a damaged table anew', async () => {
  const env = { XDG_CACHE_HOME: join(directory, 'cache') };
  const first = await machineCosts(1, env);
  expect(first.isNew).toBe(true);
  expect(Object.keys(first.costs).sort()).toEqual(Object.keys(typicalCosts).sort());
  for (const cost of Object.values(first.costs)) expect(cost).toBeGreaterThanOrEqual(0);
  expect(await machineCosts(1, env)).toEqual({ ...first, isNew: false });
  // What is kept is a table for --cost-table, too.
  expect((await readTrainOptions({ costTable: first.path })).sparseCosts).toEqual(first.costs);
  expect((await machineCosts(2, env)).path).not.toBe(first.path);
  await writeFile(first.path, '{"sparseCosts": {"pick": ');
  expect((await machineCosts(1, env)).isNew).toBe(true);
});
