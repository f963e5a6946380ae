import type { ModelOrigin } from '../models/text-model.ts';
import type { PatchMetadata } from './metadata.ts';

/** What a patch's metadata say of where its base was, as extra strings (docs/patch-format.md). */
export function originStrings(origin: ModelOrigin | undefined): Readonly<Record<string, string>> {
  if (origin === undefined) return {};
  return origin.from === 'hub' ? { base_revision: origin.revision } : { base_path: origin.path };
}

/** Reads them again; undefined where they are not there. */
export function originOf({ extra }: PatchMetadata): ModelOrigin | undefined {
  const { base_revision: revision, base_path: path } = extra;
  if (revision !== undefined) return { from: 'hub', revision };
  return path === undefined ? undefined : { from: 'directory', path };
}
