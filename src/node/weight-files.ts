import { z } from 'zod';
import { faultInWords } from '../data/schema-fault.ts';
import { GspfError } from '../errors.ts';
import { readJson } from './files.ts';

/** The file that holds a model's weights, or the one that says which shards do. */
export const weightFiles = {
  whole: 'model.safetensors',
  index: 'model.safetensors.index.json',
} as const;

/** Which shard each tensor is in, by an index file. @throws `input/missing-file`, `input/model`. */
export async function readWeightMap(indexPath: string): Promise<Readonly<Record<string, string>>> {
  const json = await readJson(indexPath);
  const index = indexSchema.safeParse(json);
  if (index.success) return index.data.weight_map;
  throw new GspfError('input/model', {
    subject: indexPath,
    expected: 'a weight_map from tensors to shards in the same directory',
    got: faultInWords(index.error, json),
  });
}

/** The shards that an index file names. @throws as {@link readWeightMap}. */
export async function shardsOf(indexPath: string): Promise<readonly string[]> {
  return [...new Set(Object.values(await readWeightMap(indexPath)))];
}

const indexSchema = z.looseObject({
  weight_map: z.record(z.string(), z.string().regex(/^[^/\\]+$/, 'a shard that is not a plain file name')),
});
