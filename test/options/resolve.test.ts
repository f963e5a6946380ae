import { expect, it } from 'vitest';
import { resolveOptions } from '../../src/options/resolve.ts';

it('takes the tuned values where nothing is given, and says so', () => {
  const { options, taken } = resolveOptions({}, { task: 'text-classification' });
  expect(options).toMatchObject({ preset: 'tuned', method: 'gspf', lr: 0.003, batchSize: 32, epochs: 3 });
  expect(options.select.ratio).toBe(0.003);
  expect(taken).toEqual([
    'Preset tuned for text-classification with gspf: epochs 3, batchSize 32, lr 0.003, warmup.maxBatches 12, warmup.rest train, select.ratio 0.003, select.frontierMass 0.8.',
  ]);
});

it.each(['auto', 3] as const)(
  'takes those for a frontier where that is %s, as far as they are not given',
  (frontier) => {
    const select = { frontier, frontierMass: 0.5 };
    const { options, taken } = resolveOptions({ select }, { task: 'sst2' });
    expect(options.select).toMatchObject({ ...select, ratio: 0.005, scope: 'layer', granularity: 'row' });
    expect(taken).toEqual([
      'Preset tuned for sst2 with gspf: epochs 3, batchSize 32, lr 0.005, clipNorm null, forwardPrecision int8, gradientPrecision int8, emaDecay 0.98, adamw.beta2 0.99, warmup.maxBatches 12, warmup.rest train, select.ratio 0.005, select.scope layer, select.granularity row, prefix.precision int8-training.',
    ]);
  },
);

it('has the same values for a frontier and without one where no others are measured', () => {
  const of = (frontier: 'auto' | 'none') =>
    resolveOptions({ select: { frontier } }, { task: 'stsb' }).options;
  expect(of('auto')).toEqual({ ...of('none'), select: { ...of('none').select, frontier: 'auto' } });
});

it('has another learning rate for full fine-tuning', () => {
  const { options, taken } = resolveOptions({ method: 'full' }, { task: 'sst2' });
  expect(options.lr).toBe(5e-5);
  expect(taken).toEqual(['Preset tuned for sst2 with full: epochs 3, batchSize 32, lr 0.00005.']);
});

// The paper's Appendix A, "Hyperparameters": task, LR, batch size, warm-up, keep ratio.
it.each([
  ['sst2', 2e-5, 32, 1, 0.003],
  ['mnli', 2e-5, 32, 1, 0.003],
  ['squad', 3e-5, 16, 1, 0.004],
  ['cifar100', 5e-5, 64, 1, 0.002],
  ['imagenet', 1e-4, 256, 2, 0.005],
])('has the values of the paper for %s', (task, lr, batchSize, warmupEpochs, ratio) => {
  const { options, taken } = resolveOptions({ preset: 'paper' }, { task });
  expect([options.lr, options.batchSize, options.warmup.epochs, options.select.ratio]).toEqual([
    lr,
    batchSize,
    warmupEpochs,
    ratio,
  ]);
  expect(taken).toHaveLength(1);
});

it('lets given values win over the preset', () => {
  const { options, taken } = resolveOptions(
    { preset: 'paper', lr: 0.1, select: { ratio: '1%' }, batchSize: undefined },
    { task: 'sst2' },
  );
  expect([options.lr, options.select.ratio, options.batchSize]).toEqual([0.1, 0.01, 32]);
  expect(taken).toEqual(['Preset paper for sst2 with gspf: batchSize 32, warmup.epochs 1.']);
});

it('needs no preset where the learning rate is given', () => {
  const { options, taken } = resolveOptions({ lr: 0.1 }, { task: 'a-task-nobody-measured' });
  expect([options.lr, options.batchSize]).toEqual([0.1, 32]);
  expect(taken).toEqual([]);
});

it('resolves a resolved tree to itself', () => {
  for (const preset of ['tuned', 'paper'] as const) {
    for (const method of ['gspf', 'full'] as const) {
      const { options } = resolveOptions({ preset, method, seed: 7 }, { task: 'cola' });
      expect(resolveOptions(options, { task: 'cola' })).toEqual({ options, taken: [] });
    }
  }
});
