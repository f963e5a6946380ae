import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { GspfError } from '../../src/errors.ts';
import { nodeEnvironment } from '../../src/node/environment.ts';
import type { TrainOptions } from '../../src/options/options.ts';
import { encodePatch } from '../../src/patch/patch.ts';
import type { CheckpointStore } from '../../src/training/checkpoint.ts';
import { type FineTuned, fineTune } from '../../src/training/fine-tune.ts';
import type { Observer } from '../../src/training/observer.ts';
import { environment, model, task, words } from './tiny-task.ts';

/** Keeps every checkpoint of a run, and offers the ones it is told to. */
class Store implements CheckpointStore {
  readonly place = 'memory';
  readonly saved: Uint8Array[] = [];
  offered: readonly Uint8Array[] = [];

  async candidates(): Promise<readonly { bytes: Uint8Array; source: string }[]> {
    return this.offered.map((bytes, i) => ({ bytes, source: `checkpoint ${i}` }));
  }

  async save(chunks: readonly Uint8Array[]): Promise<void> {
    this.saved.push(Buffer.concat(chunks));
  }
}

function complete(options: TrainOptions): TrainOptions {
  return { batchSize: 4, lr: 3e-3, ...options, checkpoint: { everySeconds: 0 } };
}

function train(options: TrainOptions, store: Store, observer: Observer = {}): Promise<FineTuned> {
  return fineTune(model, task, complete(options), environment, observer, {
    store,
    resume: store.offered.length > 0,
  });
}

const ratio = 0.05;
const cases: Readonly<Record<string, TrainOptions>> = {
  'gspf with dropout': { epochs: 3, select: { ratio }, dropout: 'config' },
  'a warm-up cut short, the rest trained on': {
    epochs: 2,
    select: { ratio },
    warmup: { maxBatches: 3, rest: 'train' },
  },
  'a warm-up that stops when stable': {
    epochs: 3,
    select: { ratio },
    warmup: { stopWhenStable: 0.5, checkEvery: 2 },
  },
  'a warm-up in slices': { epochs: 2, select: { ratio }, warmup: { update: 'none', slices: 3 } },
  'refinement by probes': { epochs: 5, select: { ratio }, refine: { every: 1, probeBatches: 2 } },
  'refinement by listening, dropped weights reverted': {
    epochs: 5,
    select: { ratio },
    refine: { every: 2, source: 'dense', dropped: 'revert' },
  },
  'refinement above a frontier that was chosen': {
    epochs: 3,
    score: { kind: 'random' },
    select: { ratio, frontier: 'auto' },
    refine: { every: 2, probeBatches: 2 },
    dropout: 'config',
  },
  'averages, and refinement that drops weights': {
    epochs: 5,
    select: { ratio },
    refine: { every: 2, probeBatches: 2, dropped: 'revert' },
    emaDecay: 0.9,
  },
  'gradients in 8 bits, other weights frozen after a refinement': {
    epochs: 5,
    select: { ratio, granularity: 'row', scope: 'tensor' },
    refine: { every: 2, probeBatches: 2 },
    forwardPrecision: 'int8',
    gradientPrecision: 'int8',
  },
  'every warmed weight kept': { epochs: 2, select: { ratio }, warmup: { commit: 'keep', lr: 0.01 } },
  'full fine-tuning': { method: 'full', epochs: 2 },
};

// A run from each of dozens of checkpoints: up to a quarter of a minute, several times that beside other work.
describe.each(Object.entries(cases))('%s', { timeout: 240_000 }, (_, options) => {
  test('resumed from any checkpoint, gives the patch of the uninterrupted run byte for byte', async () => {
    const whole = new Store();
    const expected = await train(options, whole);
    expect(whole.saved.length).toBeGreaterThan(6);
    for (const [i, checkpoint] of whole.saved.entries()) {
      const store = new Store();
      store.offered = [checkpoint];
      const resumed = await train(options, store);
      expect(Buffer.compare(encodePatch(resumed.patch), encodePatch(expected.patch)), `checkpoint ${i}`).toBe(
        0,
      );
      expect(resumed.report.metrics).toEqual(expected.report.metrics);
      expect(resumed.report.evaluations.map(({ metrics }) => metrics)).toEqual(
        expected.report.evaluations.map(({ metrics }) => metrics),
      );
      expect(resumed.report.selections).toEqual(expected.report.selections);
      expect(resumed.report.frozen).toEqual(expected.report.frozen);
    }
  });
});

describe('a checkpoint', () => {
  const options: TrainOptions = { epochs: 2, select: { ratio } };

  test('is kept when the run is stopped, and leads to the same patch', async () => {
    const expected = await train(options, new Store());
    const interrupt = new AbortController();
    const store = new Store();
    const stopped = train(options, store, {
      onProgress: ({ step }) => void (step === 8 && interrupt.abort()),
      signal: interrupt.signal,
    });
    await expect(stopped).rejects.toMatchObject({ code: 'usage/cancelled' });
    store.offered = store.saved.slice(-1);
    const steps: number[] = [];
    const resumed = await train(options, store, { onProgress: ({ step }) => void steps.push(step) });
    expect(steps[0]).toBe(9);
    expect(Buffer.compare(encodePatch(resumed.patch), encodePatch(expected.patch))).toBe(0);
  });

  test('that is damaged or foreign gives way to the one before it', async () => {
    const whole = new Store();
    const expected = await train(options, whole);
    const [earlier, later] = [whole.saved[2] ?? new Uint8Array(), whole.saved[5] ?? new Uint8Array()];
    for (const damaged of [later.slice(0, later.length - 7), later.slice(0, 40), new Uint8Array(0), words]) {
      const store = new Store();
      store.offered = [
        damaged instanceof Uint8Array ? damaged : new TextEncoder().encode(damaged.join()),
        earlier,
      ];
      const steps: number[] = [];
      const resumed = await train(options, store, { onProgress: ({ step }) => void steps.push(step) });
      expect(steps[0]).toBe(4);
      expect(Buffer.compare(encodePatch(resumed.patch), encodePatch(expected.patch))).toBe(0);
    }
  });

  const hasFullDevice = existsSync('/dev/full');
  if (!hasFullDevice) console.warn('skipped: a full disk needs /dev/full');
  test.runIf(hasFullDevice)('that finds no room ends the run; the one before it leads on', async () => {
    const expected = await train(options, new Store());
    const store = new Store();
    const full: CheckpointStore = {
      place: 'a full disk',
      candidates: () => store.candidates(),
      save: async (chunks) => {
        const bytes = Buffer.concat(chunks);
        if (store.saved.length === 4) await open('/dev/full', 'w').then((file) => file.writeFile(bytes));
        await store.save(chunks);
      },
    };
    const stopped = fineTune(model, task, complete(options), environment, {}, { store: full, resume: false });
    await expect(stopped).rejects.toThrow('ENOSPC');
    store.offered = store.saved.slice(-1);
    const resumed = await train(options, store);
    expect(Buffer.compare(encodePatch(resumed.patch), encodePatch(expected.patch))).toBe(0);
  });

  test('of weights that still gave a finite loss is named when the loss is none', async () => {
    const store = new Store();
    const wild = { ...options, lr: 1e30, warmup: { update: 'none' as const } };
    const error = await train(wild, store).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    expect(error).toMatchObject({ code: 'training/diverged' });
    const said = error instanceof GspfError ? error.message : '';
    const [, step, checkpoint] =
      /step (\d+) \(train, epoch 2, batch \d+, rows .* after step (\d+), is in memory\.$/.exec(said) ?? [];
    // The step before changed the weights for the worse, and its checkpoint holds them.
    expect(Number(checkpoint)).toBe(Number(step) - 2);
    const losses: number[] = [];
    store.offered = store.saved.slice(Number(checkpoint) - 1, Number(checkpoint));
    await train(wild, store, { onProgress: ({ loss }) => void losses.push(loss) }).catch(() => {});
    expect(losses.length).toBeGreaterThan(0);
    expect(losses.every(Number.isFinite)).toBe(true);
  });

  test('of a run with other options is refused, naming the option', async () => {
    const whole = new Store();
    await train(options, whole);
    const store = new Store();
    store.offered = whole.saved.slice(-1);
    const other = train({ ...options, select: { ratio: 0.06 } }, store);
    await expect(other).rejects.toThrow(GspfError);
    await expect(other).rejects.toMatchObject({
      code: 'usage/option',
      details: {
        subject: 'select.ratio',
        expected: '0.05, as in the run to resume (checkpoint 0)',
        got: '0.06',
      },
    });
  });
});

describe('the same seed gives the same bits', () => {
  const options: TrainOptions = { epochs: 3, select: { ratio }, refine: { every: 2 } };
  const patchOf = async (threads: number): Promise<Uint8Array> => {
    const result = await fineTune(
      model,
      task,
      { ...complete(options), epochs: 4 },
      nodeEnvironment({ threads }),
    );
    return encodePatch(result.patch);
  };

  test('over repeated runs and over one and two threads', async () => {
    const [first, again, withTwo] = [await patchOf(1), await patchOf(1), await patchOf(2)];
    expect(Buffer.compare(first, again)).toBe(0);
    expect(Buffer.compare(first, withTwo)).toBe(0);
  });
});
