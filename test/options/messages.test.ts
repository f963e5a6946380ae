import { expect, it } from 'vitest';
import { assignOption, parseOptionsYaml } from '../../src/options/paths.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import type { OptionTree } from '../../src/options/tree.ts';
import { failure } from '../data/failure.ts';

const top =
  'preset, method, seed, epochs, batchSize, microBatch, gradientBytes, evalBatchSize, maxLength, dropout, loss, classWeights, lr, clipNorm, forwardPrecision, gradientPrecision, emaDecay, schedule, adamw, warmup, score, select, refine, prefix, sparseCosts, checkpoint, graph, bn';

const unknown = (path: string, got: string, hint: string): string =>
  `usage/option: ${path}: expected the name of an option, got "${got}". ${hint}`;

it.each<[OptionTree, string]>([
  [{ ratio: 0.1 }, unknown('ratio', 'ratio', 'Did you mean "select.ratio"?')],
  [{ epoch: 3 }, unknown('epoch', 'epoch', 'Did you mean "epochs"?')],
  [{ batch_size: 8 }, unknown('batch_size', 'batch_size', 'Did you mean "batchSize"?')],
  [{ weight_decay: 0 }, unknown('weight_decay', 'weight_decay', 'Did you mean "adamw.weightDecay"?')],
  [{ shedule: {} }, unknown('shedule', 'shedule', 'Did you mean "schedule"?')],
  [{ kind: 'snip' }, unknown('kind', 'kind', 'Did you mean "schedule.kind" or "score.kind"?')],
  [{ select: { ratios: 1 } }, unknown('select.ratios', 'ratios', 'Did you mean "select.ratio"?')],
  [{ select: { lr: 1 } }, unknown('select.lr', 'lr', 'Did you mean "lr" or "warmup.lr"?')],
  [{ learning_rate: 1 }, unknown('learning_rate', 'learning_rate', `Known: ${top}.`)],
  [
    { warmup: { bs: 1 } },
    unknown(
      'warmup.bs',
      'bs',
      'Known: warmup.epochs, warmup.maxBatches, warmup.update, warmup.lr, warmup.commit, warmup.stopWhenStable, warmup.narrow, warmup.checkEvery, warmup.rest, warmup.slices.',
    ),
  ],
  [JSON.parse('{ "__proto__": { "lr": 1 } }'), unknown('__proto__', '__proto__', `Known: ${top}.`)],
])('names what was meant by %j', (tree, message) => {
  expect(failure(() => resolveOptions(tree, { task: 'sst2' }))).toBe(message);
});

it.each<[OptionTree, string]>([
  [{ epochs: 1.5 }, 'epochs: expected a whole number of at least 1, got 1.5'],
  [{ epochs: null }, 'epochs: expected a whole number of at least 1, got null'],
  [{ seed: '7' }, 'seed: expected a whole number from 0 to 4294967295, got "7"'],
  [{ lr: Number.NaN }, 'lr: expected a number above 0, got NaN'],
  [{ clipNorm: 0 }, 'clipNorm: expected a number above 0, or null, got 0'],
  [{ method: 'lora' }, 'method: expected gspf or full, got "lora"'],
  [{ preset: 'best' }, 'preset: expected tuned or paper, got "best"'],
  [{ maxLength: 'max' }, 'maxLength: expected "auto" or a whole number of at least 1, got "max"'],
  [{ adamw: { beta1: 1 } }, 'adamw.beta1: expected a number of at least 0 and below 1, got 1'],
  [
    { score: { kind: 'GSPF' } },
    'score.kind: expected gspf, gradient, fisher, snip, grasp, taylor, magnitude, relative, movement or random, got "GSPF"',
  ],
  [
    { select: { ratio: 3 } },
    'select.ratio: expected a fraction above 0 and at most 1, or a percentage such as 0.3%, got 3. Write 3% for 3 in a hundred.',
  ],
  [
    { select: { ratio: '0.003' } },
    'select.ratio: expected a fraction above 0 and at most 1, or a percentage such as 0.3%, got "0.003"',
  ],
  [
    { select: { include: ['bert.*', 5] } },
    'select.include: expected a list of globs over tensor names, got ["bert.*", 5]',
  ],
  [
    { select: { exclude: '*.bias' } },
    'select.exclude: expected "auto" or a list of globs over tensor names, got "*.bias"',
  ],
  [
    { select: { granularity: 'block:4' } },
    'select.granularity: expected element, row, column or block:RxC (rows × columns, as in block:4x4), got "block:4"',
  ],
  [{ schedule: null }, 'schedule: expected a mapping with kind, warmupRatio, got null'],
  [
    { epochs: 0, seed: -1, typo: 2, select: { ratio: {} } },
    'seed: expected a whole number from 0 to 4294967295, got -1. Also wrong: epochs, select.ratio, typo.',
  ],
])('says in plain words what is wrong with %j', (tree, message) => {
  expect(failure(() => resolveOptions(tree, { task: 'sst2' }))).toBe(`usage/option: ${message}`);
});

it.each<[OptionTree, string]>([
  [
    { epochs: 1 },
    'warmup.epochs: expected less than epochs (1), so that an epoch is left to fine-tune in, got 1',
  ],
  [
    { warmup: { epochs: 3 } },
    'warmup.epochs: expected less than epochs (3), so that an epoch is left to fine-tune in, got 3',
  ],
  [
    { refine: { every: 3 } },
    'refine.every: expected a number with a multiple above warmup.epochs (1) and below 0.8 · epochs (2.4), so that there is an epoch to refine after, got 3',
  ],
  [
    { method: 'full', refine: { every: 1 } },
    'refine.every: expected 0 with method full, which selects no weights, got 1',
  ],
  [
    { warmup: { update: 'none', lr: 0.1 } },
    'warmup.lr: expected null with warmup.update none, which moves no weight, got 0.1',
  ],
  [
    { select: { head: 'compete', headInBudget: false } },
    'select.headInBudget: expected true with select.head compete, where the head has no place of its own, got false',
  ],
])('refuses the contradiction in %j', (tree, message) => {
  expect(failure(() => resolveOptions(tree, { task: 'sst2' }))).toBe(`usage/option: ${message}`);
});

it.each([
  ['select.ratio', 'set: expected path=value, as in select.ratio=0.3%, got "select.ratio"'],
  ['=3', 'set: expected path=value, as in select.ratio=0.3%, got "=3"'],
  ['clipNorm=', 'set: expected path=value, as in select.ratio=0.3%, got "clipNorm="'],
  ['ratio=0.1', 'ratio: expected the name of an option, got "ratio". Did you mean "select.ratio"?'],
  [
    'shedule.kind=cosine',
    'shedule.kind: expected the name of an option, got "kind". Did you mean "schedule.kind"?',
  ],
  ['lr.x=3', 'lr.x: expected the name of an option, got "x"'],
  ['constructor=1', `constructor: expected the name of an option, got "constructor". Known: ${top}.`],
  [
    'select.exclude=[*.bias]',
    "select.exclude: expected YAML, got Unresolved alias (the anchor must be set before the alias): .bias. Put a glob that begins with * in quotes, as in ['*.bias'].",
  ],
  ['select.include=[a', 'select.include: expected YAML, got Flow sequence must end with a ]'],
])('refuses --set %s', (assignment, message) => {
  expect(failure(() => assignOption({}, assignment))).toBe(`usage/option: ${message}`);
});

it.each([
  ['- epochs', 'run.yaml: expected a mapping of options, such as "epochs: 3", got a list'],
  ['fast', 'run.yaml: expected a mapping of options, such as "epochs: 3", got "fast"'],
  ['epochs: 3\nepochs: 4', 'run.yaml: expected YAML, got Map keys must be unique'],
  ['ratio: 3%', 'run.yaml: ratio: expected the name of an option, got "ratio". Did you mean "select.ratio"?'],
  ['refine:\n  alpha: 2', 'run.yaml: refine.alpha: expected a number from 0 to 1, got 2'],
])('refuses the file %j', (text, message) => {
  expect(failure(() => parseOptionsYaml(text, 'run.yaml'))).toBe(`usage/option: ${message}`);
});

it('names the tasks that a preset has values for', () => {
  expect(failure(() => resolveOptions({ preset: 'paper' }, { task: 'text-classification' }))).toBe(
    'usage/option: preset: expected a task of the paper\'s Appendix A (cola, sst2, mrpc, qqp, mnli, qnli, rte, wnli, stsb, squad, cifar100, imagenet) for "paper", got task "text-classification". Use the preset tuned, or give lr, batchSize and select.ratio yourself.',
  );
  expect(failure(() => resolveOptions({}, { task: 'squad' }))).toBe(
    'usage/option: lr: expected a number above 0, for preset tuned has no values for task squad, got nothing. ' +
      'Try 0.003 (--lr 0.003), the best of method gspf on text classification, then a third and three times of it.',
  );
  expect(failure(() => resolveOptions({ method: 'full' }, { task: 'masked-lm' }))).toContain(
    'Try 0.00005 (--lr 0.00005), the best of method full',
  );
});
