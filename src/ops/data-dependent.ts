import { intAttribute } from '../graph/attributes.ts';
import { sizeOf, type Tensor } from '../tensor.ts';
import type { NumericArray, OpDefinition, OpFamily } from './definition.ts';
import { toNumeric } from './numeric.ts';
import { knownNumbers, normalizeAxis, requiredArray, stridesOf } from './shapes.ts';

/** An operator whose shapes follow from the values of its input, which must be known at compile time. */
function ofKnownInput(evaluate: OpDefinition['evaluate']): OpDefinition {
  return {
    infer: (c) => {
      // Refused with a message here where the input depends on the data.
      knownNumbers(c, 0);
      const known = (tensor: Tensor | undefined) => tensor && toNumeric(tensor);
      return evaluate({ node: c.node, inputs: c.constants.map(known) });
    },
    evaluate,
    gradients: [null],
  };
}

/** The slices of an array along an axis; without one, its elements. */
function slicesOf({ shape, data }: NumericArray, axis: number | undefined): readonly (readonly number[])[] {
  if (axis === undefined) return Array.from(data, (value) => [value]);
  const [extent, stride] = [shape[axis] ?? 0, stridesOf(shape)[axis] ?? 1];
  const slices = Array.from({ length: extent }, (): number[] => []);
  data.forEach((value, at) => {
    slices[Math.floor(at / stride) % extent]?.push(value);
  });
  return slices;
}

function compareSlices(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

const unique: OpDefinition['evaluate'] = (c) => {
  const x = requiredArray(c, 0);
  const attribute = c.node.attributes['axis'];
  const axis = attribute?.type === 'int' ? normalizeAxis(attribute.value, x.shape.length, c.node) : undefined;
  const slices = slicesOf(x, axis);
  const first = new Map<string, number>();
  slices.forEach((slice, i) => {
    if (!first.has(slice.join())) first.set(slice.join(), i);
  });
  const order = [...first.values()];
  if (intAttribute(c.node, 'sorted', 1) === 1) {
    order.sort((a, b) => compareSlices(slices[a] ?? [], slices[b] ?? []));
  }
  const rank = new Map(order.map((i, position) => [slices[i]?.join(), position]));
  const inverse = slices.map((slice) => rank.get(slice.join()) ?? 0);
  const vector = (values: readonly number[]): NumericArray => ({
    dtype: 'int64',
    shape: [values.length],
    data: Float64Array.from(values),
  });
  const counts = order.map((_, position) => inverse.filter((other) => other === position).length);
  return [taken(x, axis, order), vector(order), vector(inverse), vector(counts)];
};

/** The slices at the given positions of an axis; without one, the elements. */
function taken(x: NumericArray, axis: number | undefined, positions: readonly number[]): NumericArray {
  if (axis === undefined) {
    return {
      dtype: x.dtype,
      shape: [positions.length],
      data: Float64Array.from(positions, (i) => x.data[i] ?? 0),
    };
  }
  const shape = x.shape.map((extent, i) => (i === axis ? positions.length : extent));
  const [extent, inner] = [x.shape[axis] ?? 0, stridesOf(x.shape)[axis] ?? 1];
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, at) => {
    const outer = Math.floor(at / (positions.length * inner));
    const position = positions[Math.floor(at / inner) % positions.length] ?? 0;
    return x.data[(outer * extent + position) * inner + (at % inner)] ?? 0;
  });
  return { dtype: x.dtype, shape, data };
}

const nonZero: OpDefinition['evaluate'] = (c) => {
  const { shape, data } = requiredArray(c, 0);
  const found = Array.from(data).flatMap((value, at) => (value === 0 ? [] : [at]));
  const strides = stridesOf(shape);
  const coordinates = shape.flatMap((extent, axis) =>
    found.map((at) => Math.floor(at / (strides[axis] ?? 1)) % extent),
  );
  return [{ dtype: 'int64', shape: [shape.length, found.length], data: Float64Array.from(coordinates) }];
};

export const dataDependent: OpFamily<'NonZero' | 'Unique'> = {
  NonZero: ofKnownInput(nonZero),
  Unique: ofKnownInput(unique),
};
