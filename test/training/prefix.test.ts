import { describe, expect, test } from 'vitest';
import { Model } from '../../src/node/model.ts';
import { SharedWeights } from '../../src/node/shared-weights.ts';
import type { TrainOptions } from '../../src/options/options.ts';
import { encodePatch } from '../../src/patch/patch.ts';
import type { PrefixStore } from '../../src/runtime/environment.ts';
import { type FineTuned, fineTune } from '../../src/training/fine-tune.ts';
import { environment, model, task } from './tiny-task.ts';

const options: TrainOptions = {
  epochs: 3,
  batchSize: 4,
  lr: 3e-3,
  dropout: 'off',
  select: { ratio: 0.05, frontier: 1 },
};

/** A store in memory, which can be spoilt. */
class Store implements PrefixStore {
  readonly entries = new Map<string, Uint8Array>();
  readonly read = async (name: string): Promise<Uint8Array | undefined> => this.entries.get(name);
  readonly write = async (name: string, bytes: Uint8Array): Promise<void> => {
    this.entries.set(name, bytes);
  };
}

function train(prefix: TrainOptions['prefix'], store?: Store, more: TrainOptions = {}): Promise<FineTuned> {
  return fineTune(
    model,
    task,
    { ...options, ...more, prefix: { precision: 'fp32', ...prefix } },
    { ...environment, prefixStore: store },
  );
}

const bytes = ({ patch }: FineTuned): string => Buffer.from(encodePatch(patch)).toString('base64');

describe('a prefix that is kept', () => {
  test('gives the patch and the scores of a run that keeps nothing, to the bit', async () => {
    const plain = await train({ cache: 'off' });
    const kept = await train({ cache: 'memory' });
    expect(plain.report.prefix).toBeNull();
    expect(kept.report.prefix).toMatchObject({ perPosition: 16, perText: 0, inMemory: expect.any(Number) });
    expect(kept.report.evaluations.map(({ metrics }) => metrics)).toEqual(
      plain.report.evaluations.map(({ metrics }) => metrics),
    );
    expect(bytes(kept)).toBe(bytes(plain));
  });

  test('may lie on disk, where stale and damaged entries are computed anew', async () => {
    const kept = await train({ cache: 'memory' });
    const store = new Store();
    const onDisk = await train({ cache: 'disk' }, store);
    expect(onDisk.report.prefix).toMatchObject({ inMemory: 0, onDisk: store.entries.size, refused: 0 });
    expect(bytes(onDisk)).toBe(bytes(kept));

    const again = await train({ cache: 'disk' }, store);
    expect(again.report.prefix).toMatchObject({ computed: 0, refused: 0 });

    const [cut, flipped, foreign] = [...store.entries.keys()];
    store.entries.set(cut!, store.entries.get(cut!)!.slice(0, -4));
    store.entries.set(
      flipped!,
      store.entries.get(flipped!)!.map((byte, i) => (i === 90 ? byte ^ 1 : byte)),
    );
    store.entries.set(foreign!, store.entries.get([...store.entries.keys()][5]!)!);
    const mended = await train({ cache: 'disk' }, store);
    expect(mended.report.prefix!.refused).toBeGreaterThanOrEqual(3);
    expect(mended.report.prefix!.computed).toBe(3);
    expect(bytes(mended)).toBe(bytes(kept));

    // Another frontier, and other frozen weights, ask for other entries.
    const ask = async (more: TrainOptions) =>
      (await train({ cache: 'disk' }, store, more)).report.prefix!.computed;
    expect(await ask({ select: { ratio: 0.05, frontier: 2 } })).toBeGreaterThan(0);
    const auto = { score: { kind: 'random' }, select: { ratio: 0.05, frontier: 'auto' } } as const;
    await ask(auto);
    expect(await ask(auto)).toBe(0);
    expect(await ask({ ...auto, warmup: { commit: 'keep', lr: 0.1 } })).toBeGreaterThan(0);
  });

  test('with little room keeps what fits, and computes the rest again: the same bits', async () => {
    const kept = await train({ cache: 'memory' });
    const little = await train({ cache: 'memory', cacheBytes: 2000 });
    expect(little.report.prefix!.memoryBytes).toBeLessThanOrEqual(2000);
    expect(little.report.prefix!.computed).toBeGreaterThan(kept.report.prefix!.computed);
    expect(bytes(little)).toBe(bytes(kept));
  });

  test('is the same for the selections of a refinement', async () => {
    const refined = { epochs: 5, refine: { every: 2, probeBatches: 2 } };
    const plain = await train({ cache: 'off' }, undefined, refined);
    const kept = await train({ cache: 'memory' }, undefined, refined);
    expect(bytes(kept)).toBe(bytes(plain));
    expect(kept.report.prefix!.computed).toBeLessThanOrEqual(task.train.length);
  });

  test('is without dropout, what stands on it is not', async () => {
    const dropout = { dropout: 'config' } as const;
    const kept = await train({ cache: 'memory' }, undefined, dropout);
    const withoutBelow = await train({ cache: 'off', dropout: 'off' }, undefined, dropout);
    const withoutAny = await train({ cache: 'off' });
    const withAll = await train({ cache: 'auto', dropout: 'on' }, undefined, dropout);
    expect(bytes(kept)).toBe(bytes(withoutBelow));
    expect(withAll.report.prefix).toBeNull();
    expect(new Set([kept, withoutAny, withAll].map(bytes)).size).toBe(3);
  });

  test('in 8 bits gives the same kept, computed again and not kept, and other bits than in floats', async () => {
    const plain = await train({ cache: 'off', precision: 'int8' });
    const kept = await train({ cache: 'memory', precision: 'int8' });
    const little = await train({ cache: 'memory', cacheBytes: 2000, precision: 'int8' });
    expect(bytes(kept)).toBe(bytes(plain));
    expect(bytes(little)).toBe(bytes(plain));
    expect(little.report.prefix!.computed).toBeGreaterThan(kept.report.prefix!.computed);
    const metrics = ({ report }: FineTuned) => report.evaluations.map((evaluation) => evaluation.metrics);
    expect(metrics(kept)).toEqual(metrics(plain));

    const store = new Store();
    const floats = await train({ cache: 'disk' }, store);
    expect(bytes(floats)).not.toBe(bytes(kept));
    const onDisk = await train({ cache: 'disk', precision: 'int8' }, store);
    expect(onDisk.report.prefix).toMatchObject({ refused: 0, computed: kept.report.prefix!.computed });
    expect(bytes(onDisk)).toBe(bytes(kept));
    const [float, rounded] = [floats, kept].map(({ report }) => report.evaluations.at(-1)!.metrics['loss']!);
    expect(Math.abs(float! - rounded!)).toBeLessThan(0.02 * float!);
  });

  test('in 8 bits is what a loaded model computes with its patch, unless it is told otherwise', async () => {
    const { patch, report } = await train({ precision: 'int8' });
    const loaded = new Model(model, patch, environment);
    const metrics = await loaded.evaluate(task);
    expect(metrics).toEqual(report.evaluations.at(-1)!.metrics);
    const shared = new SharedWeights(() => model.readTensors(), environment, 'fp32');
    const inFloats = await new Model(model, patch, environment, shared).evaluate(task);
    expect(inFloats['loss']).not.toBe(metrics['loss']);
    await loaded.release();
  });

  test('in 8 bits for training steps trains like one in 8 bits, and is scored and used like one in floats', async () => {
    const rounded = await train({ precision: 'int8' });
    const inSteps = await train({ precision: 'int8-training' });
    const nothingKept = await train({ precision: 'int8-training', cache: 'off' });
    expect(inSteps.patch.tensors).toEqual(rounded.patch.tensors);
    expect(nothingKept.patch.tensors).toEqual(rounded.patch.tensors);
    expect(inSteps.patch.metadata.extra).not.toHaveProperty('prefix_precision');
    // A text of both halves is kept in either precision.
    const [toTrain, toScore] = [task.train, task.evaluation].map(
      (examples) => new Set(examples.flatMap((example) => ('text' in example ? [example.text] : []))),
    );
    const shared = [...toScore!].filter((text) => toTrain!.has(text));
    expect(shared).not.toHaveLength(0);
    const texts = rounded.report.prefix!.computed + shared.length;
    expect(inSteps.report.prefix).toMatchObject({ computed: texts, inMemory: texts, refused: 0 });

    const loaded = new Model(model, inSteps.patch, environment);
    const metrics = await loaded.evaluate(task);
    await loaded.release();
    for (const { report } of [inSteps, nothingKept])
      expect(report.evaluations.at(-1)!.metrics).toEqual(metrics);
    expect(metrics['loss']).not.toBe(rounded.report.evaluations.at(-1)!.metrics['loss']);
  });

  test('is none where the lowest trained weight is at the bottom', async () => {
    const whole = await train({ cache: 'auto' }, undefined, { select: { ratio: 1 } });
    expect(whole.report.prefix).toBeNull();
  });
});
