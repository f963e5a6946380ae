import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EligibleOptions } from '../../../src/methods/gspf/eligible.ts';
import { eligibleTensors, tensorOrder } from '../../../src/methods/gspf/eligible.ts';
import { failure } from '../../data/failure.ts';

const names = [
  'layer.2.weight',
  'layer.10.key.bias',
  'layer.10.weight',
  'classifier.weight',
  'classifier.bias',
  'odd[name]+(1).weight',
];
const head = ['classifier.weight', 'classifier.bias'];
const options: EligibleOptions = { include: [], exclude: [], head: 'always' };

const chosen = (changes: Partial<EligibleOptions>, zeroGradient: string[] = []): readonly string[] =>
  eligibleTensors(names, head, { ...options, ...changes }, zeroGradient);

test('tensors are ordered by the UTF-8 bytes of their names', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(Math.sign(tensorOrder(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }),
  );
  expect(tensorOrder('\u{1f600}', '\uffff')).toBeGreaterThan(0); // the other way round in UTF-16
});

test('all tensors, in order', () => {
  expect(chosen({})).toEqual([
    'classifier.bias',
    'classifier.weight',
    'layer.10.key.bias',
    'layer.10.weight',
    'layer.2.weight',
    'odd[name]+(1).weight',
  ]);
});

test('a star matches dots too, the whole name must match, other characters mean themselves', () => {
  expect(chosen({ include: ['layer*weight'], head: 'compete' })).toEqual([
    'layer.10.weight',
    'layer.2.weight',
  ]);
  expect(chosen({ include: ['odd[name]+(1).*'], head: 'compete' })).toEqual(['odd[name]+(1).weight']);
  expect(failure(() => chosen({ include: ['layer'] }))).toContain('usage/option');
  expect(failure(() => chosen({ include: ['LAYER.*'] }))).toContain('usage/option');
  expect(failure(() => chosen({ include: ['layer.?.weight'] }))).toContain('usage/option');
});

test('the head is exempt from include but not from exclude', () => {
  expect(chosen({ include: ['layer.2.*'] })).toEqual([...head.toSorted(), 'layer.2.weight']);
  expect(chosen({ include: ['layer.2.*'], exclude: ['classifier.bias'] })).toEqual([
    'classifier.weight',
    'layer.2.weight',
  ]);
  expect(chosen({ include: ['layer.2.*'], head: 'compete' })).toEqual(['layer.2.weight']);
});

test('auto excludes the tensors whose gradient is zero by construction, a list replaces it', () => {
  expect(chosen({ exclude: 'auto' }, ['layer.10.key.bias'])).not.toContain('layer.10.key.bias');
  expect(chosen({ exclude: [] }, ['layer.10.key.bias'])).toContain('layer.10.key.bias');
});

test('a glob that matches nothing names the option and the nearest tensor', () => {
  const error = failure(() => chosen({ exclude: ['layer.10.kay.bias'] }));
  expect(error).toContain('usage/option');
  expect(error).toBe(
    'usage/option: select.exclude: expected globs that match a tensor, got "layer.10.kay.bias". Did you mean "layer.10.key.bias"?',
  );
});

test('nothing left to train is an error', () => {
  expect(failure(() => chosen({ exclude: ['*'] }))).toContain('usage/option');
});
