import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { gradientName } from '../../src/autodiff/differentiate.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import { learnsClasses, lossOf, usualLoss } from '../../src/objectives/loss-of.ts';
import { type Targets, withOutputLoss } from '../../src/objectives/output-loss.ts';
import type { LossName } from '../../src/options/loss-names.ts';
import { float32, type Shape, sizeOf } from '../../src/tensor.ts';
import { BatchGradients } from '../../src/training/batch-gradients.ts';
import { relativeError } from '../numbers.ts';

interface Case {
  readonly about: string;
  readonly loss: LossName;
  readonly shape: Shape;
  readonly x: readonly number[];
  readonly targets: readonly number[];
  readonly value: number;
  readonly dx: readonly number[];
  readonly factors?: readonly number[];
  readonly metrics: Readonly<Record<string, number>>;
}

const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL('../fixtures/losses/losses.json', import.meta.url), 'utf8'),
);

describe.each(cases)('$loss of $about, as PyTorch has it', ({ loss: name, shape, x, targets, ...wanted }) => {
  const [rows = 0, ...own] = shape;
  const known: Targets = learnsClasses(name)
    ? { kind: 'classes', data: Int32Array.from(targets) }
    : { kind: 'values', data: Float32Array.from(targets) };
  const factors = wanted.factors && Float32Array.from(wanted.factors);
  const loss = lossOf(name, { shape: own, train: known, evaluation: known }, factors);

  test('value and gradient', async () => {
    const builder = new GraphBuilder();
    builder.input({ name: 'x', dtype: 'float32', shape });
    builder.op('Identity', ['x'], {}, 'logits');
    const forward = builder.build('outputs', [{ name: 'logits', dtype: 'float32', shape }]);
    const gradients = new BatchGradients(
      {
        withLoss: withOutputLoss(forward, loss),
        weights: new Map([['x', float32(shape, x)]]),
        objective: { layout: { of: 'text', width: sizeOf(own) } },
      },
      new Map([['x', 'all']]),
      onnxRuntime({ threads: 1 }),
    );
    const all = Int32Array.from({ length: rows }, (_, row) => row);
    const batch = { feeds: loss.targets(all), shape: { batch: rows, sequence: 1 }, share: 1 };
    expect(await gradients.run([batch])).toBeCloseTo(wanted.value, 5);
    const got = { data: gradients.gradients.get('x')?.values ?? new Float32Array() };
    const dx = { data: Float32Array.from(wanted.dx) };
    if (wanted.dx.every((value) => value === 0)) expect([...got.data].every((g) => g === 0)).toBe(true);
    else
      expect([gradientName('x'), relativeError(got, dx)]).toEqual([gradientName('x'), expect.closeTo(0, 5)]);
    await gradients.release();
  });

  if (Object.keys(wanted.metrics).length === 0) return;
  test('metrics and mean loss', () => {
    const size = sizeOf(own);
    const outputs = Array.from({ length: rows }, (_, row) =>
      Float32Array.from(x.slice(row * size, (row + 1) * size)),
    );
    const scores = loss.score(outputs);
    for (const [metric, value] of Object.entries({ ...wanted.metrics, loss: wanted.value })) {
      expect([metric, scores[metric]]).toEqual([metric, expect.closeTo(value, 5)]);
    }
  });
});

test('parts of a batch weigh what their classes do', () => {
  const classes: Targets = { kind: 'classes', data: Int32Array.of(0, -100, 1, 1) };
  const factors = Float32Array.of(0.5, 2);
  const loss = lossOf('token-cross-entropy', { shape: [2, 2], train: classes, evaluation: classes }, factors);
  expect([loss.weight?.(Int32Array.of(0)), loss.weight?.(Int32Array.of(0, 1))]).toEqual([0.5, 4.5]);
});

test('shapes and types tell which loss is meant', () => {
  const of = (output: Shape | undefined, dtype: 'int64' | 'float32' | 'bool', shape: Shape): LossName =>
    usualLoss(output, { dtype, shape });
  expect(of([10], 'int64', [])).toBe('cross-entropy');
  expect(of([10], 'int64', [1])).toBe('cross-entropy');
  expect(of(undefined, 'int64', [])).toBe('cross-entropy');
  expect(of([1], 'int64', [])).toBe('binary-cross-entropy');
  expect(of([4], 'bool', [4])).toBe('binary-cross-entropy');
  expect(of([7, 3], 'int64', [7])).toBe('token-cross-entropy');
  expect(of([3, 8, 8], 'int64', [8, 8])).toBe('pixel-cross-entropy');
  expect(of([1], 'float32', [])).toBe('mse');
  expect(() => of([3, 3], 'int64', [3])).toThrow(/a loss by name \(--loss\)/);
  expect(() => of(undefined, 'int64', [4])).toThrow(/a loss by name \(--loss\)/);
});
