import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { producers } from '../../src/graph/topology.ts';
import type { Selection } from '../../src/methods/selection.ts';
import { LOSS } from '../../src/models/sequence-classification.ts';
import type { TrainOptions } from '../../src/options/options.ts';
import { zeros } from '../../src/tensor.ts';
import { beginRun } from '../../src/training/begin-run.ts';
import { trainedLines } from '../../src/training/step-products.ts';
import { relativeError } from '../numbers.ts';
import { environment, model, task } from './tiny-task.ts';

describe('the lines that are trained of a matrix', () => {
  const [height, width] = [24, 16];
  const weights = new Map([['w', zeros('float32', [height, width])]]);
  const linesOf = (indices: readonly number[]) =>
    trainedLines(new Map([['w', Int32Array.from(indices)]]), weights).get('w');
  const everyElement = Array.from({ length: height * width }, (_, i) => i);

  test('are few, cover every selected element, and are rows where those are the smaller share', () => {
    fc.assert(
      fc.property(fc.subarray(everyElement, { maxLength: 8 }), (indices) => {
        const rows = new Set(indices.map((index) => Math.floor(index / width)));
        const columns = new Set(indices.map((index) => index % width));
        const lines = linesOf(indices);
        const least = Math.min(rows.size / height, columns.size / width);
        if (least > 1 / 8) expect(lines).toBe('all');
        else {
          const [expected, axis] = rows.size / height <= columns.size / width ? [rows, 0] : [columns, 1];
          expect(lines).toEqual({ axis, numbers: Int32Array.from([...expected].sort((a, b) => a - b)) });
        }
      }),
    );
  });

  test('are all of them where every row and column has an element', () => {
    expect(linesOf(everyElement)).toBe('all');
    expect(trainedLines(new Map([['w', 'all']]), weights).get('w')).toBe('all');
  });
});

/** Loss and gradients of one batch of the tiny model, and the operators of its graph before the loss and after it. */
async function measured(selection: Selection, given: TrainOptions) {
  const options: TrainOptions = { lr: 1e-3, batchSize: 22, dropout: 'off', ...given };
  const { run } = await beginRun(model, task, options, environment, {});
  await run.usePrefix([...selection.keys()]);
  const gradients = run.passes.gradientsToTrain(selection);
  const [batch] = run.batches(1);
  const loss = await run.computeGradients(batch!, gradients);
  const values = new Map([...gradients.gradients].map(([name, gradient]) => [name, gradient.values.slice()]));
  const { nodes } = run.passes.gradientGraph(selection, { batch: 22, sequence: 6 }, true);
  const end = nodes.findIndex(({ outputs }) => outputs.includes(LOSS)) + 1;
  const opTypes = nodes.map(({ opType }) => opType);
  /** What is rounded before the loss: the value behind views of it. */
  const makers = producers(nodes);
  const madeBy = (name: string): string => {
    const maker = makers.get(name);
    return maker?.opType === 'Reshape' ? madeBy(maker.inputs[0]!) : (maker?.opType ?? 'none');
  };
  const rounds = nodes.slice(0, end).filter(({ opType }) => opType === 'QuantizeLinear');
  const roundedValues = rounds.map(({ inputs: [x = ''] }) => madeBy(x));
  await gradients.release();
  await run.release();
  return { loss, values, roundedValues, forward: opTypes.slice(0, end), backward: opTypes.slice(end) };
}

/** All gradients, one after the other. */
function all({ values }: Awaited<ReturnType<typeof measured>>): { data: Float32Array } {
  return { data: Float32Array.from([...values.values()].flatMap((numbers) => [...numbers])) };
}

describe('a step in 8 bits', async () => {
  const { run } = await beginRun(model, task, { lr: 1e-3 }, environment, {});
  const { weights } = run.prepared;
  await run.release();
  const matrices = [...weights].filter(([name, { shape }]) => shape.length === 2 && !/embeddings/.test(name));
  /** The second row or column of each matrix. */
  const lineOf = (axis: 0 | 1): Selection =>
    new Map(
      matrices.map(([name, { shape }]) => {
        const [height = 0, width = 0] = shape;
        const along = Array.from({ length: axis === 0 ? width : height }, (_, i) => i);
        return [name, Int32Array.from(along, (i) => (axis === 0 ? width + i : i * width + 1))] as const;
      }),
    );

  test.each([
    ['rows', lineOf(0), {}],
    ['columns', lineOf(1), {}],
    ['rows, in micro-batches', lineOf(0), { microBatch: 11 }],
  ])(
    '%s: the loss is the same, gradients are near, and only the backward pass is rounded',
    async (_, selection, given) => {
      const exact = await measured(selection, given);
      const rounded = await measured(selection, { ...given, gradientPrecision: 'int8' });
      expect(rounded.loss).toBe(exact.loss);
      expect(rounded.forward).toEqual(exact.forward);
      expect(exact.backward).not.toContain('MatMulInteger');
      expect(rounded.backward).toContain('MatMulInteger');
      expect(relativeError(all(rounded), all(exact))).toBeLessThan(0.03);
      expect(rounded.values).not.toEqual(exact.values);
    },
  );

  test.each([
    ['rows', lineOf(0), {}],
    ['columns', lineOf(1), {}],
    ['rows, in micro-batches', lineOf(0), { microBatch: 11 }],
  ])('of %s: normalised values alone are rounded on the way to the loss', async (_, selection, given) => {
    const exact = await measured(selection, given);
    const rounded = await measured(selection, { ...given, forwardPrecision: 'int8' });
    expect(Math.abs(rounded.loss - exact.loss)).toBeLessThan(0.01);
    expect(rounded.loss).not.toBe(exact.loss);
    expect(new Set(rounded.roundedValues)).toEqual(new Set(['LayerNormalization']));
    expect(rounded.forward.filter((opType) => opType === 'MatMulInteger').length).toBeGreaterThan(3);
    expect(rounded.backward).toEqual(exact.backward);
    expect(relativeError(all(rounded), all(exact))).toBeLessThan(0.06);
  });

  test('with 8 bits below what is trained too, which is computed in each step', async () => {
    const upper = new Map([...lineOf(0)].filter(([name]) => !name.includes('layer.0.attention.self')));
    const prefix = { cache: 'off', precision: 'int8' } as const;
    const exact = await measured(upper, { prefix });
    const rounded = await measured(upper, { prefix, gradientPrecision: 'int8' });
    expect(exact.forward).toContain('MatMulInteger');
    expect(rounded.loss).toBe(exact.loss);
    expect(rounded.backward).toContain('MatMulInteger');
  });

  test('elements that lie in many rows and columns leave their matrix in floats', async () => {
    const scattered: Selection = new Map(
      matrices.map(([name, { shape }]) => {
        const [height = 0, width = 0] = shape;
        const some = Array.from({ length: Math.max(height, width) }, (_, i) => i);
        return [name, Int32Array.from(new Set(some.map((i) => (i % height) * width + (i % width)))).sort()];
      }),
    );
    const { backward } = await measured(scattered, { gradientPrecision: 'int8' });
    expect(backward).not.toContain('MatMulInteger');
  });
});
