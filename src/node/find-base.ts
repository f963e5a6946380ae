import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { GspfError } from '../errors.ts';
import { baseSha256 } from '../patch/hash.ts';
import type { PatchMetadata } from '../patch/metadata.ts';
import { originOf } from '../patch/origin.ts';
import type { Patch } from '../patch/patch.ts';
import { createSha256, exists, isDirectory } from './files.ts';
import { hubSettings } from './hub/settings.ts';
import type { LoadModelOptions } from './model.ts';
import { type BaseModel, isOnnxPath, openBase } from './open-model.ts';
import { readRecordedOrigin } from './recorded-origin.ts';
import { runFiles } from './run-directory.ts';

/**
 * Opens the model that a patch was made from, a directory or an ONNX file: where the patch or the `run.json` beside it says it was, under its name
 * in the working directory or beside the patch, or in the hub's cache. Only a model whose tensors have the hash that
 * the patch names is given.
 *
 * @param path The patch's file.
 * @throws `input/patch-base` saying which base it needs and where it was looked for.
 */
export async function findBase(
  { metadata }: Patch,
  path: string,
  options: LoadModelOptions = {},
): Promise<BaseModel> {
  const seen = new Set<string>();
  const tried: string[] = [];
  for await (const place of places(metadata, path, options)) {
    if (seen.has(place)) continue;
    seen.add(place);
    try {
      const base = await openBase(place, options);
      const sha256 = baseSha256(await base.readTensors(), createSha256);
      if (sha256 === metadata.baseSha256) return base;
      tried.push(`${place} has sha256 ${sha256.slice(0, 12)}…`);
    } catch (error) {
      if (!(error instanceof GspfError)) throw error;
      tried.push(`${place} gives ${error.code}: ${error.details.got ?? error.message}`);
    }
  }
  throw new GspfError('input/patch-base', {
    subject: `base of ${path}`,
    expected: `"${metadata.baseName}" with sha256 ${metadata.baseSha256}`,
    got: tried.length === 0 ? 'no such model in the places it may be' : tried.join('; '),
    hint: 'Give it with --model: its directory, its .onnx file, or org/name of the hub.',
  });
}

/** Names of models that may be the base: directories and files that are there, ids of the hub. The likeliest come first. */
async function* places(
  metadata: PatchMetadata,
  path: string,
  { env }: LoadModelOptions,
): AsyncGenerator<string> {
  const folder = dirname(resolve(path));
  const { baseName } = metadata;
  const recorded = await readRecordedOrigin(join(folder, runFiles.report), metadata.baseSha256);
  const origin = originOf(metadata);
  const paths = [
    ...(recorded?.from === 'directory' ? [join(folder, recorded.fromRun), recorded.path] : []),
    ...(origin?.from === 'directory' ? [origin.path, join(folder, origin.path)] : []),
    baseName,
    join(folder, baseName),
  ];
  for (const candidate of paths) {
    if (await (isOnnxPath(candidate) ? exists(candidate) : isDirectory(candidate))) yield candidate;
  }
  for (const known of [origin, recorded]) {
    if (known?.from === 'hub') yield `${baseName}@${known.revision}`;
  }
  const { cacheDirectory } = await hubSettings(env);
  yield* cachedUnderName(cacheDirectory, baseName);
}

/** Snapshots in the hub's cache of models that are called so, whoever's they are. */
async function* cachedUnderName(cacheDirectory: string, baseName: string): AsyncGenerator<string> {
  const last = baseName.split('/').at(-1) ?? baseName;
  for (const entry of await readdir(cacheDirectory).catch(() => [])) {
    if (!entry.startsWith('models--') || !entry.endsWith(`--${last}`)) continue;
    const snapshots = join(cacheDirectory, entry, 'snapshots');
    for (const commit of await readdir(snapshots).catch(() => [])) yield join(snapshots, commit);
  }
}
