import { tensorOrder } from '../methods/gspf/eligible.ts';
import type { Selection } from '../methods/selection.ts';
import { changesBetween } from '../patch/diff.ts';
import type { Changes, DenseTensor, SparseUpdate } from '../patch/patch.ts';
import type { Environment } from '../runtime/environment.ts';
import type { Tensor } from '../tensor.ts';
import type { Weights } from './batch-gradients.ts';
import { FrozenHashes, type FrozenProof } from './frozen.ts';
import type { Prepared } from './prepare.ts';
import { toStored } from './stored-weights.ts';

/** θ⁰ in memory at a time, in bytes of float32: more than the 32 MB up to which glibc keeps freed memory for later. */
const PIECE_BYTES = 64 * 2 ** 20;

/**
 * What a run changed, and the proof that it changed nothing else. θ⁰ is read anew, piece by piece, and the whole of it is
 * never in memory.
 *
 * @param changed The weights that may have changed.
 * @returns changes of tensors as they are stored, in tensor order; whole tensors share the memory of the weights
 * @throws `training/frozen-changed` where others did.
 */
export async function compareWithInitial(
  prepared: Prepared,
  changed: Selection,
  { createSha256, reclaim }: Pick<Environment, 'createSha256' | 'reclaim'>,
  pieceBytes: number = PIECE_BYTES,
): Promise<Changes & { readonly frozen: FrozenProof }> {
  const { weights, statistics } = prepared;
  const hashes = new FrozenHashes(changed, createSha256);
  const tensors = new Map<string, SparseUpdate | DenseTensor>();
  const removed: string[] = [];
  for (const piece of piecesOf(new Map([...weights, ...statistics]), pieceBytes)) {
    const changes = await comparePiece(prepared, piece, hashes);
    for (const [name, update] of changes.tensors) tensors.set(name, update);
    removed.push(...changes.removed);
    reclaim?.();
  }
  return { tensors, removed, frozen: hashes.prove() };
}

/** A function of its own, so that nothing refers to a piece of θ⁰ any more when memory is reclaimed. */
async function comparePiece(prepared: Prepared, piece: Weights, hashes: FrozenHashes): Promise<Changes> {
  const { weights, fresh, storedAs, objective, readInitial } = prepared;
  const stored = (some: Weights): Map<string, Tensor> =>
    toStored(new Map([...some, ...(objective.copies?.(some) ?? [])]), storedAs);
  const initial = await readInitial(new Set(piece.keys()));
  hashes.update(initial, weights);
  const base = new Map([...initial].filter(([name]) => !fresh.has(name)));
  return changesBetween(stored(base), stored(piece));
}

/** Tensors in tensor order, in groups of at most so many bytes, or of one that is larger. */
function piecesOf(weights: Weights, pieceBytes: number): readonly Weights[] {
  let piece = new Map<string, Tensor<'float32'>>();
  let sizeBytes = 0;
  const pieces = [piece];
  for (const [name, tensor] of [...weights].sort(([a], [b]) => tensorOrder(a, b))) {
    const { byteLength } = tensor.data;
    if (sizeBytes > 0 && sizeBytes + byteLength > pieceBytes) {
      piece = new Map();
      pieces.push(piece);
      sizeBytes = 0;
    }
    piece.set(name, tensor);
    sizeBytes += byteLength;
  }
  return pieces;
}
