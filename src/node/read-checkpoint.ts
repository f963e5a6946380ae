import { join } from 'node:path';
import { GspfError } from '../errors.ts';
import { decodeSafetensors } from '../safetensors/decode.ts';
import type { Tensor } from '../tensor.ts';
import { exists, readBytes } from './files.ts';
import { readWeightMap, weightFiles } from './weight-files.ts';

/**
 * All tensors of a directory's `model.safetensors`, or of the shards that `model.safetensors.index.json` names.
 *
 * @throws `input/missing-file`, `input/safetensors`; `input/model` for an index that does not fit its shards.
 */
export async function readCheckpointFile(directory: string): Promise<ReadonlyMap<string, Tensor>> {
  const whole = join(directory, weightFiles.whole);
  const indexPath = join(directory, weightFiles.index);
  if (!(await exists(whole))) {
    if (await exists(indexPath)) return readShards(directory, indexPath);
    await refusePickle(directory);
  }
  return decodeSafetensors(await readBytes(whole), whole).tensors;
}

async function readShards(directory: string, indexPath: string): Promise<ReadonlyMap<string, Tensor>> {
  const entries = Object.entries(await readWeightMap(indexPath));
  const tensors = new Map<string, Tensor>();
  for (const shard of new Set(entries.map(([, file]) => file))) {
    const path = join(directory, shard);
    const held = decodeSafetensors(await readBytes(path), path).tensors;
    for (const [name, file] of entries) {
      if (file !== shard) continue;
      const tensor = held.get(name);
      if (tensor === undefined) throw notInShard(path, name, indexPath);
      tensors.set(name, tensor);
    }
  }
  return tensors;
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
