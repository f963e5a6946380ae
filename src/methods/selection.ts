/** The values of one tensor's weights, gradients or moments. */
export type WeightArray = Float32Array | Float64Array;

/** Weights of one tensor: the whole tensor, or ascending flat row-major indices without repeats. */
export type Indices = 'all' | Int32Array;

/** The weights that may change, by tensor name. A tensor without any is absent. */
export type Selection = ReadonlyMap<string, Indices>;

/** Elements of each tensor, by name. */
export type Sizes = ReadonlyMap<string, number>;

/** Number of selected weights of a tensor of `size` elements. */
export function count(indices: Indices | undefined, size: number): number {
  if (indices === undefined) return 0;
  return indices === 'all' ? size : indices.length;
}

/** Number of selected weights. */
export function countAll(selection: Selection, sizes: Sizes): number {
  let total = 0;
  for (const [name, indices] of selection) total += count(indices, sizes.get(name) ?? 0);
  return total;
}

/** The flat indices themselves; not a copy where they are stored. */
export function toIndices(indices: Indices | undefined, size: number): Int32Array {
  if (indices === undefined) return new Int32Array(0);
  return indices === 'all' ? Int32Array.from({ length: size }, (_, index) => index) : indices;
}

/** Weights that are in `a` or in `b`. */
export function union(a: Selection, b: Selection, sizes: Sizes): Selection {
  const merged = new Map(a);
  for (const [name, more] of b) {
    const size = sizes.get(name) ?? 0;
    const found = mergeIndices(toIndices(a.get(name), size), toIndices(more, size), (inA, inB) => inA || inB);
    merged.set(name, found.length === size ? 'all' : found);
  }
  return merged;
}

/** Weights that are in `a` but not in `b`. */
export function difference(a: Selection, b: Selection, sizes: Sizes): Selection {
  const left = new Map<string, Indices>();
  for (const [name, indices] of a) {
    const size = sizes.get(name) ?? 0;
    const found = mergeIndices(
      toIndices(indices, size),
      toIndices(b.get(name), size),
      (inA, inB) => inA && !inB,
    );
    if (found.length > 0) left.set(name, found.length === size ? 'all' : found);
  }
  return left;
}

/** Walks two ascending lists together and keeps the indices that `keep` wants. */
function mergeIndices(
  a: Int32Array,
  b: Int32Array,
  keep: (inA: boolean, inB: boolean) => boolean,
): Int32Array {
  const kept = new Int32Array(a.length + b.length);
  let length = 0;
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const nextA = a[i] ?? Infinity;
    const nextB = b[j] ?? Infinity;
    const index = Math.min(nextA, nextB);
    if (keep(nextA === index, nextB === index)) kept[length++] = index;
    if (nextA === index) i++;
    if (nextB === index) j++;
  }
  return kept.slice(0, length);
}
