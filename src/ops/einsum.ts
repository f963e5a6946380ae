import { stringAttribute } from '../graph/attributes.ts';
import { type Node, string } from '../graph/graph.ts';
import { int64, type Shape, sizeOf, type Tensor } from '../tensor.ts';
import type { GradientContext, OpDefinition, OpFamily, Value } from './definition.ts';
import { fromNumeric } from './numeric.ts';
import { offsets, requiredArray, requiredType, shapeError, stridesOf } from './shapes.ts';

/** An equation with a letter for every axis, those under an ellipsis included. */
interface Equation {
  readonly operands: readonly string[];
  readonly result: string;
  /** The extent of each letter: what the operands have there, extents 1 aside. */
  readonly extents: ReadonlyMap<string, number>;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** The equation of a node, its ellipses replaced by letters that are free. @throws `graph/shape` where it does not fit. */
function equationOf(node: Node, shapes: readonly Shape[]): Equation {
  const text = stringAttribute(node, 'equation', '').replaceAll(' ', '');
  const [left = '', right] = text.split('->');
  const terms = left.split(',');
  if (terms.length !== shapes.length) {
    throw shapeError(node, `${terms.length} operands for "${text}"`, `${shapes.length}`);
  }
  const covered = terms.map((term, i) => (shapes[i]?.length ?? 0) - term.replace('...', '').length);
  const widest = Math.max(0, ...terms.map((term, i) => (term.includes('...') ? (covered[i] ?? 0) : 0)));
  const free = [...ALPHABET].filter((letter) => !text.includes(letter)).slice(0, widest);
  const spell = (term: string, axes: number): string =>
    term.replace('...', free.slice(widest - Math.max(axes, 0)).join(''));
  const operands = terms.map((term, i) => spell(term, covered[i] ?? 0));

  const extents = new Map<string, number>();
  operands.forEach((labels, i) => {
    const shape = shapes[i] ?? [];
    if (labels.length !== shape.length) {
      throw shapeError(node, `an operand of rank ${labels.length} for "${terms[i]}"`, `[${shape}]`);
    }
    [...labels].forEach((label, axis) => {
      const extent = shape[axis] ?? 1;
      const known = extents.get(label) ?? 1;
      if (known !== 1 && extent !== 1 && known !== extent) {
        throw shapeError(node, `one extent for "${label}" of "${text}"`, `${known} and ${extent}`);
      }
      extents.set(label, known === 1 ? extent : known);
    });
  });
  return { operands, result: right === undefined ? implicit(left, free) : spell(right, widest), extents };
}

/** The result without an arrow: the ellipsis, then every letter that occurs once, in order of the alphabet. */
function implicit(left: string, free: readonly string[]): string {
  const letters = [...left].filter((character) => /[a-zA-Z]/.test(character));
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
  return [...free, ...once.sort()].join('');
}

const resultShape = ({ result, extents }: Equation): Shape =>
  [...result].map((label) => extents.get(label) ?? 1);

const unique = (labels: string): string => [...new Set(labels)].join('');

/** The identity of that size, as a mask. */
function identity(size: number, dtype: Value['dtype']): Tensor {
  const data = Float64Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0));
  return fromNumeric({ dtype, shape: [size, size], data });
}

/**
 * dL/dx of one operand: the product of the cotangent and the other operands, summed to the operand's letters. A letter
 * that only this operand has is spread over its axis; a letter that it has twice, put on the diagonal.
 */
function gradient(c: GradientContext): Value {
  const { node, index, x, g, op, constant, reshape } = c;
  const values = node.inputs.map((_, i) => c.input(i));
  const { operands, result, extents } = equationOf(
    node,
    values.map(({ shape }) => shape),
  );
  const own = operands[index] ?? '';
  const others = operands.flatMap((labels, i) => {
    const value = values[i];
    return i === index || value === undefined ? [] : [{ labels, value }];
  });
  const reachable = [result, ...others.map(({ labels }) => labels)].join('');
  const summed = [...unique(own)].filter((label) => reachable.includes(label)).join('');
  const left = [result, ...others.map(({ labels }) => labels)].join(',');
  const product = op('Einsum', [g, ...others.map(({ value }) => value)], {
    equation: string(`${left}->${summed}`),
  });
  const extent = (label: string): number => extents.get(label) ?? 1;
  const whole = [...unique(own)];
  const aligned = reshape(
    product,
    whole.map((label) => (summed.includes(label) ? extent(label) : 1)),
  );
  const full = whole.map(extent);
  const spread =
    `${aligned.shape}` === `${full}`
      ? aligned
      : op('Expand', [aligned, constant(int64([full.length], full))]);
  if (own.length === whole.length) return spread;

  // Each letter at its first axis; a mask joins every further axis of the same letter to it.
  const first = reshape(
    spread,
    [...own].map((label, axis) => (own.indexOf(label) === axis ? extent(label) : 1)),
  );
  return [...own].reduce((diagonal, label, axis) => {
    const before = own.indexOf(label);
    if (before === axis) return diagonal;
    const shape = [...own].map((_, i) => (i === before || i === axis ? extent(label) : 1));
    return op('Mul', [diagonal, reshape(constant(identity(extent(label), x.dtype)), shape)]);
  }, first);
}

export const einsum: OpFamily<'Einsum'> = {
  Einsum: {
    infer: (c) => {
      const types = c.node.inputs.map((_, i) => requiredType(c, i));
      const equation = equationOf(
        c.node,
        types.map(({ shape }) => shape),
      );
      return [{ dtype: requiredType(c, 0).dtype, shape: resultShape(equation) }];
    },
    evaluate: (c) => {
      const arrays = c.node.inputs.map((_, i) => requiredArray(c, i));
      const equation = equationOf(
        c.node,
        arrays.map(({ shape }) => shape),
      );
      const { operands, result, extents } = equation;
      const summed = [...unique(operands.join(''))].filter((label) => !result.includes(label));
      const labels = [...result, ...summed];
      const everything = labels.map((label) => extents.get(label) ?? 1);
      const reads = arrays.map(({ shape }, i) => {
        const strides = stridesOf(shape);
        const own = operands[i] ?? '';
        const along = labels.map((label) =>
          [...own].reduce(
            (stride, other, axis) =>
              other === label && shape[axis] !== 1 ? stride + (strides[axis] ?? 0) : stride,
            0,
          ),
        );
        return offsets(everything, along);
      });
      const shape = resultShape(equation);
      const data = new Float64Array(sizeOf(shape));
      const terms = sizeOf(everything) / Math.max(data.length, 1);
      for (let i = 0; i < sizeOf(everything); i++) {
        let product = 1;
        arrays.forEach((array, k) => {
          product *= array.data[reads[k]?.[i] ?? 0] ?? 0;
        });
        const at = Math.floor(i / terms);
        data[at] = (data[at] ?? 0) + product;
      }
      return [{ dtype: requiredArray(c, 0).dtype, shape, data }];
    },
    gradients: [gradient],
  } satisfies OpDefinition,
};
