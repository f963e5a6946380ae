import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { GspfError } from '../errors.ts';
import { headSizeBytes, PREFIX_BYTES } from '../safetensors/header.ts';
import { type SafetensorsEntry, safetensorsLayout } from '../safetensors/layout.ts';
import { type DType, fromBytes, type Tensor } from '../tensor.ts';
import { exists, readInto, withFile } from './files.ts';
import { readWeightMap, weightFiles } from './weight-files.ts';

/** A tensor of a checkpoint, and where its data lie. */
export interface StoredTensor extends SafetensorsEntry {
  /** The file. */
  readonly path: string;
}

/** Wide enough for every element type. */
const ALIGNMENT = 8;

/**
 * All tensors of a directory's `model.safetensors`, or of the shards that `model.safetensors.index.json` names, by their
 * names there. Only the files' heads are read.
 *
 * @throws `input/missing-file`, `input/safetensors`; `input/model` for an index that does not fit its shards.
 */
export async function findTensors(directory: string): Promise<ReadonlyMap<string, StoredTensor>> {
  const whole = join(directory, weightFiles.whole);
  const indexPath = join(directory, weightFiles.index);
  if (!(await exists(whole))) {
    if (await exists(indexPath)) return findInShards(directory, indexPath);
    await refusePickle(directory);
  }
  return findInFile(whole);
}

async function findInShards(
  directory: string,
  indexPath: string,
): Promise<ReadonlyMap<string, StoredTensor>> {
  const entries = Object.entries(await readWeightMap(indexPath));
  const tensors = new Map<string, StoredTensor>();
  for (const shard of new Set(entries.map(([, file]) => file))) {
    const path = join(directory, shard);
    const held = await findInFile(path);
    for (const [name, file] of entries) {
      if (file !== shard) continue;
      const tensor = held.get(name);
      if (tensor === undefined) throw notInShard(path, name, indexPath);
      tensors.set(name, tensor);
    }
  }
  return tensors;
}

async function findInFile(path: string): Promise<ReadonlyMap<string, StoredTensor>> {
  return withFile(path, async (file) => {
    const { size } = await file.stat();
    const prefix = new Uint8Array(Math.min(PREFIX_BYTES, size));
    await fill(prefix, file, 0, path);
    const head = new Uint8Array(headSizeBytes(prefix, size));
    await fill(head, file, 0, path);
    const { entries } = safetensorsLayout(head, size, path);
    return new Map(entries.map((entry) => [entry.name, { ...entry, path }]));
  });
}

/**
 * Reads tensors where they lie; what is between them is not read. Those of one file share one block of memory, which is
 * the caller's.
 *
 * @throws `input/missing-file`; `input/safetensors` for a file that has become shorter.
 */
export async function readStored<D extends DType>(
  stored: ReadonlyMap<string, StoredTensor & { readonly dtype: D }>,
): Promise<Map<string, Tensor<D>>> {
  const data = new Map<string, Uint8Array>();
  for (const path of new Set([...stored.values()].map((tensor) => tensor.path))) {
    const inFile = [...stored].filter(([, tensor]) => tensor.path === path);
    const sizeBytes = inFile.reduce((sum, [, tensor]) => sum + alignedBytes(tensor), 0);
    const block = new Uint8Array(sizeBytes);
    await withFile(path, async (file) => {
      let offset = 0;
      for (const [name, tensor] of inFile) {
        const bytes = block.subarray(offset, offset + tensor.end - tensor.start);
        await fill(bytes, file, tensor.start, path);
        data.set(name, bytes);
        offset += alignedBytes(tensor);
      }
    });
  }
  return new Map(
    [...stored].map(([name, { dtype, shape }]): [string, Tensor<D>] => [
      name,
      fromBytes(dtype, shape, data.get(name) ?? new Uint8Array()),
    ]),
  );
}

function alignedBytes({ start, end }: StoredTensor): number {
  return Math.ceil((end - start) / ALIGNMENT) * ALIGNMENT;
}

/** @throws `input/safetensors` for a file that ends before `bytes` are full. */
async function fill(bytes: Uint8Array, file: FileHandle, start: number, path: string): Promise<void> {
  const filled = await readInto(bytes, file, start);
  if (filled === bytes.length) return;
  throw new GspfError('input/safetensors', {
    subject: path,
    expected: `data up to byte ${start + bytes.length}`,
    got: `a file that ends after ${start + filled}`,
    hint: 'The file was cut short while it was read.',
  });
}

function notInShard(path: string, name: string, indexPath: string): GspfError {
  return new GspfError('input/model', {
    subject: `${path}, tensor "${name}"`,
    expected: `it here, as ${indexPath} says`,
    got: 'no such tensor',
    hint: 'Index and shards must belong together: download the model again.',
  });
}

/** @throws `input/missing-file` for a directory that has its weights in Python's pickle format alone. */
async function refusePickle(directory: string): Promise<void> {
  for (const name of ['pytorch_model.bin', 'pytorch_model.bin.index.json']) {
    if (!(await exists(join(directory, name)))) continue;
    throw new GspfError('input/missing-file', {
      subject: join(directory, weightFiles.whole),
      expected: 'a file',
      got: `${name} only`,
      hint: "gspf reads safetensors only: transformers' save_pretrained writes them.",
    });
  }
}
