import { int } from '../graph/graph.ts';
import type { GradientContext, Value } from '../ops/definition.ts';
import { type KernelFactors, kernelGradient } from '../ops/kernel-gradient.ts';
import { type Shape, sizeOf } from '../tensor.ts';
import { distinct, elementsOf, inverse, positions, upTo } from './elements.ts';
import type { SparseWays } from './sparse-costs.ts';

/** The part of a kernel W `[f, c / groups, …]` that is computed whole. */
interface KernelPart {
  /** Of the cotangent. */
  readonly filters: Int32Array;
  /** Of the input. */
  readonly channels: Int32Array;
  readonly groups: number;
}

/**
 * Elements of the gradient of a kernel: out of that of the filters and channels which hold one, or of whole groups, for
 * which only these are gathered of cotangent and input. Undefined where all of it is as cheap.
 */
export const kernelAt =
  (factorsOf: (c: GradientContext) => KernelFactors) =>
  (c: GradientContext, indices: Int32Array, ways: SparseWays): Value | undefined => {
    const [filters = 0, depth = 0, ...kernel] = c.x.shape;
    const area = sizeOf(kernel);
    const factors = factorsOf(c);
    const { input, cotangent, groups } = factors;
    const filterOf = (index: number): number => Math.floor(index / (depth * area));
    const channelOf = (index: number): number => Math.floor(index / area) % depth;
    const perGroup = filters / groups;
    const part =
      groups === 1
        ? partOfPlain(
            factors,
            c.x.shape,
            { filters: distinct(indices, filterOf), channels: distinct(indices, channelOf) },
            ways,
          )
        : partOfGroups(
            factors,
            c.x.shape,
            distinct(indices, (index) => Math.floor(filterOf(index) / perGroup)),
            ways,
          );
    const isWhole = part.filters.length === filters && part.channels.length === depth * groups;
    if (isWhole) return undefined;
    const dense = kernelGradient(c, {
      ...factors,
      input: takeChannels(c, input, part.channels),
      cotangent: takeChannels(c, cotangent, part.filters),
      groups: part.groups,
    });
    const columns = part.channels.length / part.groups;
    const row = inverse(part.filters, filters);
    const column = groups === 1 ? inverse(part.channels, depth) : upTo(depth);
    const within = indices.map(
      (index) =>
        ((row[filterOf(index)] ?? 0) * columns + (column[channelOf(index)] ?? 0)) * area + (index % area),
    );
    return elementsOf(c, dense, within);
  };

/** Without groups, filters and channels are left out each where that is cheaper. */
function partOfPlain(
  { input, cotangent }: KernelFactors,
  [filters = 0, depth = 0, ...kernel]: Shape,
  touched: Pick<KernelPart, 'filters' | 'channels'>,
  { gathers }: SparseWays,
): KernelPart {
  const plane = { input: sizeOf(input.shape) / depth, cotangent: sizeOf(cotangent.shape) / filters };
  const operations = (down: number, across: number): number =>
    2 * plane.cotangent * down * across * sizeOf(kernel);
  const few = touched.filters.length;
  const fewer = few < filters && gathers(plane.cotangent * few, operations(filters - few, depth));
  const kept = fewer ? touched.filters : upTo(filters);
  const narrow = touched.channels.length;
  const narrower = narrow < depth && gathers(plane.input * narrow, operations(kept.length, depth - narrow));
  return { filters: kept, channels: narrower ? touched.channels : upTo(depth), groups: 1 };
}

/** Of groups, those without an element are left out. */
function partOfGroups(
  { input, cotangent, groups }: KernelFactors,
  [filters = 0, depth = 0, ...kernel]: Shape,
  touched: Int32Array,
  { gathers }: SparseWays,
): KernelPart {
  const share = touched.length / groups;
  const numbers = share * (sizeOf(input.shape) + sizeOf(cotangent.shape));
  const operations = 2 * (1 - share) * sizeOf(cotangent.shape) * depth * sizeOf(kernel);
  const kept = share < 1 && gathers(numbers, operations) ? touched : upTo(groups);
  const members = (size: number): Int32Array =>
    Int32Array.from(
      { length: kept.length * size },
      (_, i) => (kept[Math.floor(i / size)] ?? 0) * size + (i % size),
    );
  return { filters: members(filters / groups), channels: members(depth), groups: kept.length };
}

/** Some of the second axis; all of it as it is. */
function takeChannels(c: GradientContext, x: Value, channels: Int32Array): Value {
  if (channels.length === x.shape[1]) return x;
  return c.op('Gather', [x, positions(c, channels)], { axis: int(1) });
}
