import type { DType, Tensor } from '../tensor.ts';
import { gapsSizeBytes } from './leb128.ts';
import type { Patch } from './patch.ts';

/** One tensor of a patch, as `patch info` lists it. */
export interface PatchInfoRow {
  readonly name: string;
  readonly kind: 'sparse' | 'dense' | 'removed';
  /** The element type, undefined for a tensor that is removed. */
  readonly dtype: DType | undefined;
  /** How many elements the patch holds. */
  readonly changed: number;
  /** Their share of the tensor, from 0 to 1; undefined for a sparse update without its base. */
  readonly share: number | undefined;
  /** What the tensor takes in the file, less the header. */
  readonly sizeBytes: number;
}

/** What a patch changes, tensor by tensor; the base, where it is at hand, tells the size of each. */
export function patchInfo(patch: Patch, base?: ReadonlyMap<string, Tensor>): readonly PatchInfoRow[] {
  const rows: PatchInfoRow[] = [];
  for (const [name, update] of patch.tensors) {
    if (update.kind === 'dense') {
      const { dtype, data } = update.tensor;
      rows.push({ name, kind: 'dense', dtype, changed: data.length, share: 1, sizeBytes: data.byteLength });
      continue;
    }
    const { kind, indices, values } = update;
    const size = base?.get(name)?.data.length;
    const changed = indices.length;
    const share = size === undefined ? undefined : changed / Math.max(size, 1);
    const sizeBytes = gapsSizeBytes(indices) + values.data.byteLength;
    rows.push({ name, kind, dtype: values.dtype, changed, share, sizeBytes });
  }
  for (const name of patch.removed) {
    rows.push({ name, kind: 'removed', dtype: undefined, changed: 0, share: 1, sizeBytes: 0 });
  }
  return rows;
}
