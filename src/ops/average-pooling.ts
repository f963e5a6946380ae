import { intAttribute } from '../graph/attributes.ts';
import { ints, type Node } from '../graph/graph.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';
import type { GradientContext, OpDefinition, OpFamily, Value } from './definition.ts';
import { normCotangent, normSlope } from './global-pooling.ts';
import { fromNumeric } from './numeric.ts';
import { poolGeometry } from './pooling.ts';
import { requiredArray, stridesOf } from './shapes.ts';
import { reach, type Windows, windowReads } from './windows.ts';

/** A reduction of the elements that each window reads; `count` is what they are averaged over. */
function windowReduction(
  reduce: (values: readonly number[], count: number, node: Node) => number,
  gradient: (c: GradientContext) => Value,
): OpDefinition {
  return {
    infer: (c) => {
      const { dtype, shape } = poolGeometry(c);
      return [{ dtype, shape }];
    },
    evaluate: (c) => {
      const { dtype, extents, windows, counts, shape } = poolGeometry(c);
      const { data } = requiredArray(c, 0);
      const reads = windowReads(extents, counts, windows);
      const sizes = windowSizes(extents, counts, windows, includesPadding(c.node));
      const [area, perPlane, kernelSize] = [sizeOf(extents), sizeOf(counts), sizeOf(windows.kernel)];
      const result = Float64Array.from({ length: sizeOf(shape) }, (_, at) => {
        const window = at % perPlane;
        const plane = Math.floor(at / perPlane) * area;
        const read = Array.from(reads.subarray(window * kernelSize, (window + 1) * kernelSize));
        const values = read.flatMap((position) => (position < 0 ? [] : [data[plane + position] ?? 0]));
        return reduce(values, sizes[window] ?? 1, c.node);
      });
      return [{ dtype, shape, data: result }];
    },
    gradients: [gradient],
  };
}

const includesPadding = (node: Node): boolean => intAttribute(node, 'count_include_pad', 0) === 1;
const powerOf = (node: Node): number => intAttribute(node, 'p', 2);

/**
 * How many positions each window holds, row-major: those among `extents`, with the declared padding where
 * `padded` says so, but never those that only `ceil_mode` reaches.
 */
function windowSizes(extents: Shape, counts: Shape, windows: Windows, padded: boolean): Float64Array {
  const { kernel, strides, dilations, before, after } = windows;
  const along = extents.map((extent, axis) => {
    const low = padded ? -(before[axis] ?? 0) : 0;
    const high = extent + (padded ? (after[axis] ?? 0) : 0);
    return Array.from({ length: counts[axis] ?? 0 }, (_, w) => {
      const start = w * (strides[axis] ?? 1) - (before[axis] ?? 0);
      const places = Array.from({ length: kernel[axis] ?? 1 }, (_, k) => start + k * (dilations[axis] ?? 1));
      return places.filter((place) => place >= low && place < high).length;
    });
  });
  const outer = stridesOf(counts);
  return Float64Array.from({ length: sizeOf(counts) }, (_, window) =>
    along.reduce((size, list, axis) => {
      const at = Math.floor(window / (outer[axis] ?? 1)) % (counts[axis] ?? 1);
      return size * (list[at] ?? 0);
    }, 1),
  );
}

/** For each element of x, the sum of `cotangent` over the windows that read it. */
function sumOverWindows(c: GradientContext, cotangent: Value): Value {
  const { extents, windows, counts } = poolGeometry({ node: c.node, inputs: [c.x] });
  const { kernel, strides, dilations, before } = windows;
  const planes = sizeOf(c.x.shape.slice(0, 2));
  const tiles = kernel.every(
    (extent, axis) =>
      extent === strides[axis] &&
      (dilations[axis] === 1 || extent === 1) &&
      before[axis] === 0 &&
      extent * (counts[axis] ?? 0) === extents[axis],
  );
  if (tiles) {
    const interleaved = (repeat: readonly number[]) => [
      planes,
      ...counts.flatMap((count, axis) => [count, repeat[axis] ?? 1]),
    ];
    const target = interleaved(kernel);
    const apart = c.reshape(cotangent, interleaved(kernel.map(() => 1)));
    return c.reshape(c.op('Expand', [apart, c.constant(int64([target.length], target))]), c.x.shape);
  }
  // Behind the last window may lie elements that nothing reads, or padding that `ceil_mode` added.
  const covered = kernel.map(
    (extent, axis) =>
      ((counts[axis] ?? 1) - 1) * (strides[axis] ?? 1) +
      reach(extent, dilations[axis] ?? 1) -
      (before[axis] ?? 0),
  );
  const excess = covered.map((end, axis) => end - (extents[axis] ?? 0));
  const ones = fromNumeric({
    dtype: c.x.dtype,
    shape: [1, 1, ...kernel],
    data: new Float64Array(sizeOf(kernel)).fill(1),
  });
  const sums = c.op('ConvTranspose', [c.reshape(cotangent, [planes, 1, ...counts]), c.constant(ones)], {
    kernel_shape: ints(kernel),
    strides: ints(strides),
    dilations: ints(dilations),
    pads: ints([...before, ...excess.map((n) => Math.max(n, 0))]),
    output_padding: ints(excess.map((n) => Math.max(-n, 0))),
  });
  return c.reshape(sums, c.x.shape);
}

export const averagePooling: OpFamily<'AveragePool' | 'LpPool'> = {
  // y = Σx/n over each window: dx = Σ g/n over the windows that read x
  AveragePool: windowReduction(
    (values, count) => values.reduce((sum, x) => sum + x, 0) / count,
    (c) => {
      const { extents, windows, counts } = poolGeometry({ node: c.node, inputs: [c.x] });
      const sizes = windowSizes(extents, counts, windows, includesPadding(c.node));
      const shares = sizes.map((size) => 1 / size);
      const shape = shares.every((share) => share === shares[0]) ? [] : counts;
      const data = shape === counts ? shares : shares.slice(0, 1);
      const factor = c.constant(fromNumeric({ dtype: c.x.dtype, shape, data }));
      return sumOverWindows(c, c.op('Mul', [c.g, factor]));
    },
  ),
  // y = (Σ|x|ᵖ)^(1/p) over each window: dx = |x|^(p−1)·sign x·Σ g·y^(1−p) over the windows that read x
  LpPool: windowReduction(
    (values, _, node) =>
      values.reduce((sum, x) => sum + Math.abs(x) ** powerOf(node), 0) ** (1 / powerOf(node)),
    (c) => {
      const p = powerOf(c.node);
      return c.op('Mul', [normSlope(c, p), sumOverWindows(c, normCotangent(c, p))]);
    },
  ),
};
