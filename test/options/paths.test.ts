import fc from 'fast-check';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { optionPaths } from '../../src/options/catalogue.ts';
import { assignOption, parseOptionsYaml } from '../../src/options/paths.ts';
import { trainOptionsSchema } from '../../src/options/schema.ts';
import { mergeOptions, type OptionTree } from '../../src/options/tree.ts';
import { sharedText } from '../data/shared-files.ts';

it.each<[string, OptionTree]>([
  ['select.ratio=0.3%', { select: { ratio: '0.3%' } }],
  ['select.ratio=0.003', { select: { ratio: 0.003 } }],
  [' lr = 1e-5', { lr: 1e-5 }],
  ['clipNorm=null', { clipNorm: null }],
  ['select.headInBudget=false', { select: { headInBudget: false } }],
  ['warmup.update=none', { warmup: { update: 'none' } }],
  ["select.exclude=['*.key.bias', classifier.*]", { select: { exclude: ['*.key.bias', 'classifier.*'] } }],
  ['select.include=["a=b"]', { select: { include: ['a=b'] } }],
  ['refine={every: 1, alpha: 0.25}', { refine: { every: 1, alpha: 0.25 } }],
])('reads --set %s', (assignment, tree) => {
  expect(assignOption({}, assignment)).toEqual(tree);
});

it('assigns into a tree without changing it', () => {
  const tree = { lr: 1, select: { ratio: 0.1, scope: 'layer' } };
  expect(assignOption(tree, 'select.ratio=0.2')).toEqual({ lr: 1, select: { ratio: 0.2, scope: 'layer' } });
  expect(tree).toEqual({ lr: 1, select: { ratio: 0.1, scope: 'layer' } });
});

it('reads a file', () => {
  const text = '# mails\nepochs: 4\nselect:\n  ratio: 0.3 %\n  exclude: ["*.key.bias"]\nclipNorm: ~\n';
  expect(parseOptionsYaml(text, 'run.yaml')).toEqual({
    epochs: 4,
    select: { ratio: '0.3 %', exclude: ['*.key.bias'] },
    clipNorm: null,
  });
  expect(parseOptionsYaml('# nothing yet\n', 'run.yaml')).toEqual({});
});

it('reads the JSON of a reference run, which is YAML too', (context) => {
  const run = sharedText('reference/fixtures/tiny-bert/runs/exclude.json');
  if (run === undefined) return context.skip('reference run absent');
  const { options } = JSON.parse(run);
  expect(parseOptionsYaml(JSON.stringify(options, null, 2), 'exclude.json')).toEqual(options);
});

it('lists every option with a description and values', () => {
  const options = optionPaths();
  expect(new Set(options.map(({ path }) => path)).size).toBe(options.length);
  for (const { description, expected } of options) {
    expect(description).toMatch(/^[A-Z].*\.$/);
    expect(expected).not.toBe('a value');
  }
});

it('takes the listed defaults when each is assigned by its path', () => {
  const given = optionPaths()
    .filter((option) => option.default !== undefined)
    .map((option) => `${option.path}=${stringify(option.default).trim()}`)
    .reduce<OptionTree>(assignOption, {});
  const options = trainOptionsSchema.parse({ lr: 1 });
  expect(given).toEqual({ ...options, lr: undefined });
});

const value = fc.oneof(fc.integer(), fc.constant(null), fc.array(fc.integer(), { maxLength: 2 }));
const names = fc.constantFrom('a', 'b', 'c', '__proto__');
const section = fc.dictionary(names, value, { maxKeys: 3 });
const tree = fc.dictionary(names, fc.oneof(value, section), { maxKeys: 3 });

it('merges from left to right', () => {
  const earlier = { lr: 1, select: { ratio: 0.1, include: ['a', 'b'] }, clipNorm: 1 };
  const later = { lr: undefined, select: { include: ['c'] }, clipNorm: null };
  expect(mergeOptions(earlier, later)).toEqual({
    lr: 1,
    select: { ratio: 0.1, include: ['c'] },
    clipNorm: null,
  });
  expect(mergeOptions()).toEqual({});
  fc.assert(
    fc.property(tree, tree, (a, b) => {
      expect(mergeOptions(a, {})).toEqual(mergeOptions({}, a));
      expect(mergeOptions(a, a)).toEqual(mergeOptions(a));
      expect(mergeOptions(mergeOptions(a, b), b)).toEqual(mergeOptions(a, b));
      expect(Object.getPrototypeOf(mergeOptions(a, b))).toBe(Object.prototype);
    }),
  );
});
