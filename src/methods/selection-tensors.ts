import { float32, type Tensor } from '../tensor.ts';
import type { Indices, Selection } from './selection.ts';

/** Marks a whole tensor: the one list that no selection of elements can be. */
const WHOLE = Int32Array.of(-1);

/** A selection as int32 tensors under `prefix/<name>`, over its own memory. */
export function selectionTensors(prefix: string, selection: Selection): [string, Tensor][] {
  return [...selection].map(([name, indices]) => {
    const data = indices === 'all' ? WHOLE : indices;
    return [`${prefix}/${name}`, { dtype: 'int32', shape: [data.length], data }];
  });
}

/** The selection that {@link selectionTensors} stored. */
export function readSelection(prefix: string, tensors: ReadonlyMap<string, Tensor>): Map<string, Indices> {
  const selection = new Map<string, Indices>();
  for (const [name, { data }] of under(prefix, tensors)) {
    if (data instanceof Int32Array) selection.set(name, data[0] === -1 ? 'all' : data.slice());
  }
  return selection;
}

/** float32 arrays as tensors under `prefix/<name>`, over their own memory. */
export function floatTensors(
  prefix: string,
  arrays: Iterable<readonly [string, Float32Array]>,
): [string, Tensor][] {
  return [...arrays].map(([name, data]) => [`${prefix}/${name}`, float32([data.length], data)]);
}

/** The tensors under `prefix/`, by the rest of their names. */
export function under(prefix: string, tensors: ReadonlyMap<string, Tensor>): [string, Tensor][] {
  return [...tensors]
    .filter(([name]) => name.startsWith(`${prefix}/`))
    .map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]);
}

/** Writes float32 tensors under `prefix/` into arrays of the same names and lengths. */
export function restoreFloats(
  prefix: string,
  tensors: ReadonlyMap<string, Tensor>,
  arrayOf: (name: string) => Float32Array | undefined,
): void {
  for (const [name, { data }] of under(prefix, tensors)) {
    if (data instanceof Float32Array) arrayOf(name)?.set(data);
  }
}
