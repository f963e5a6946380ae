import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { typicalCosts } from '../../src/lowering/sparse-costs.ts';
import { trainOptionsSchema } from '../../src/options/schema.ts';
import { sharedPath } from '../data/shared-files.ts';

/** The specification's defaults, written out by hand. */
const defaults = {
  preset: 'tuned',
  method: 'gspf',
  seed: 0,
  epochs: 3,
  batchSize: 32,
  microBatch: null,
  gradientBytes: 268435456,
  evalBatchSize: 32,
  maxLength: 'auto',
  dropout: 'config',
  loss: null,
  classWeights: 'none',
  lr: 0.5,
  schedule: { kind: 'linear', warmupRatio: 0.06 },
  clipNorm: 1,
  forwardPrecision: 'fp32',
  gradientPrecision: 'fp32',
  emaDecay: null,
  adamw: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
  warmup: {
    epochs: 1,
    maxBatches: null,
    update: 'sgd',
    lr: null,
    commit: 'rollback',
    stopWhenStable: null,
    narrow: null,
    checkEvery: 20,
    rest: null,
    slices: 1,
  },
  score: {
    kind: 'gspf',
    normalize: 'global',
    negative: 'literal',
    magnitude: 'tanh',
    reference: 'current',
  },
  select: {
    ratio: 0.003,
    include: [],
    exclude: 'auto',
    head: 'always',
    headInBudget: true,
    scope: 'global',
    granularity: 'element',
    frontier: 'none',
    frontierMass: 0.85,
  },
  refine: { every: 0, alpha: 0.5, source: 'probe', probeBatches: 8, dropped: 'keep', enter: 'zero' },
  prefix: { cache: 'auto', cacheBytes: null, dropout: null, precision: 'fp32' },
  sparseCosts: typicalCosts,
  checkpoint: { everySeconds: 30 },
  graph: { output: null, headOn: null, tie: false },
  bn: { train: false },
};

it('fills in the defaults of the specification', () => {
  expect(trainOptionsSchema.parse({ lr: 0.5 })).toEqual(defaults);
  expect(trainOptionsSchema.parse({ lr: 0.5, select: {}, refine: undefined })).toEqual(defaults);
});

it('leaves a complete tree as it is', () => {
  expect(trainOptionsSchema.parse(defaults)).toEqual(defaults);
});

it('has no learning rate of its own', () => {
  expect(trainOptionsSchema.safeParse({}).success).toBe(false);
});

describe('the options of the reference runs', () => {
  const runs = sharedPath('reference/fixtures/tiny-bert/runs');
  const files = runs === undefined ? [] : readdirSync(runs).filter((name) => name.endsWith('.json'));

  it.skipIf(runs === undefined)('exist', () => {
    expect(files).toHaveLength(44);
  });

  it.each(files)('%s are accepted unchanged', (file) => {
    const { options } = JSON.parse(readFileSync(`${runs}/${file}`, 'utf8'));
    const {
      preset,
      method,
      microBatch,
      gradientBytes,
      evalBatchSize,
      maxLength,
      dropout,
      loss,
      classWeights,
      forwardPrecision,
      gradientPrecision,
      emaDecay,
      prefix,
      sparseCosts,
      checkpoint,
      graph,
      bn,
    } = defaults;
    expect(trainOptionsSchema.parse(options)).toEqual({
      preset,
      method,
      microBatch,
      gradientBytes,
      evalBatchSize,
      maxLength,
      dropout,
      loss,
      classWeights,
      forwardPrecision,
      gradientPrecision,
      emaDecay,
      prefix,
      sparseCosts,
      checkpoint,
      graph,
      bn,
      ...options,
      warmup: {
        ...options.warmup,
        stopWhenStable: null,
        narrow: null,
        checkEvery: 20,
        rest: null,
        slices: 1,
      },
      select: { ...options.select, frontier: 'none', frontierMass: 0.85 },
    });
  });
});

describe('select.ratio', () => {
  const parsed = (ratio: unknown): number =>
    trainOptionsSchema.parse({ lr: 1, select: { ratio } }).select.ratio;

  it('is a fraction or a percentage', () => {
    expect(parsed(0.003)).toBe(0.003);
    expect(parsed('0.3%')).toBe(0.003);
    expect(parsed('0.3 %')).toBe(0.003);
    expect(parsed(' 100% ')).toBe(1);
    expect(parsed('.5%')).toBe(0.005);
  });

  it('is the double nearest to the decimal that a percentage means', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (thousandths) => {
        const text = `${Math.floor(thousandths / 1000)}.${String(thousandths % 1000).padStart(3, '0')}%`;
        // Division of two exact integers rounds once, correctly.
        expect(parsed(text)).toBe(thousandths / 100_000);
      }),
    );
  });

  it.each([0, -0.1, 1.001, Number.NaN, '0%', '101%', '-1%', '0.003', '%', '1e-1%', '', null, true])(
    'refuses %j',
    (ratio) => {
      expect(trainOptionsSchema.safeParse({ lr: 1, select: { ratio } }).success).toBe(false);
    },
  );
});

describe('values at the edges', () => {
  const accepts = (tree: object): boolean => trainOptionsSchema.safeParse({ lr: 1, ...tree }).success;

  it.each([
    { clipNorm: null },
    { emaDecay: 0 },
    { seed: 4294967295 },
    { maxLength: 1 },
    { schedule: { warmupRatio: 0 } },
    { schedule: { warmupRatio: 1 } },
    { adamw: { beta1: 0, beta2: 0, weightDecay: 0 } },
    { refine: { alpha: 0 } },
    { refine: { alpha: 1 } },
    { select: { ratio: 1 } },
    { select: { exclude: ['*.bias', 'a'] } },
    { select: { granularity: 'block:1x768' } },
    { method: 'full', epochs: 1 },
    { epochs: 3, refine: { every: 2 } },
  ])('accepts %j', (tree) => {
    expect(accepts(tree)).toBe(true);
  });

  it.each([
    { lr: 0 },
    { lr: Number.POSITIVE_INFINITY },
    { clipNorm: 0 },
    { emaDecay: 1 },
    { method: 'full', emaDecay: 0.9 },
    { method: 'full', forwardPrecision: 'int8' },
    { method: 'full', gradientPrecision: 'int8' },
    { gradientPrecision: 'bf16' },
    { seed: 4294967296 },
    { seed: -1 },
    { seed: 0.5 },
    { epochs: 0 },
    { batchSize: 0 },
    { evalBatchSize: 0 },
    { maxLength: 0 },
    { maxLength: 'longest' },
    { schedule: { warmupRatio: 1.1 } },
    { adamw: { beta1: 1 } },
    { adamw: { beta2: -0.1 } },
    { adamw: { epsilon: 0 } },
    { adamw: { weightDecay: -1 } },
    { warmup: { epochs: 0 } },
    { warmup: { maxBatches: 0 } },
    { refine: { every: -1 } },
    { refine: { alpha: 1.1 } },
    { refine: { probeBatches: 0 } },
    { select: { include: 'bert.*' } },
    { select: { include: [''] } },
    { select: { exclude: '*.bias' } },
    { select: { granularity: 'block' } },
    { select: { granularity: 'block:0x4' } },
    { select: { granularity: 'block:4' } },
    { select: { granularity: 'block:4x4x4' } },
    { select: { granularity: 'Row' } },
    { prefix: { precision: 'int4' } },
  ])('refuses %j', (tree) => {
    expect(accepts(tree)).toBe(false);
  });
});

it('accepts refine.every exactly where the reference would refine at least once', () => {
  // Choice 21 of the reference, as its loop over epochs has it.
  const refines = (epochs: number, warmup: number, every: number): boolean => {
    for (let epoch = warmup + 1; epoch <= epochs; epoch++) {
      if (epoch % every === 0 && 5 * epoch < 4 * epochs) return true;
    }
    return false;
  };
  const small = fc.integer({ min: 1, max: 12 });
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 30 }), small, small, (epochs, warmupEpochs, every) => {
      fc.pre(warmupEpochs < epochs);
      const tree = { lr: 1, epochs, warmup: { epochs: warmupEpochs }, refine: { every } };
      expect(trainOptionsSchema.safeParse(tree).success).toBe(refines(epochs, warmupEpochs, every));
    }),
  );
});
