import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { GspfError, nearestName } from '../errors.ts';
import type { ModelOrigin } from '../models/text-model.ts';
import { isDirectory } from './files.ts';
import { idOfSnapshot } from './hub/cache.ts';
import { type DownloadProgress, fetchModel } from './hub/fetch-model.ts';
import { parseHubId } from './hub/hub-id.ts';
import { hubSettings, type Variables } from './hub/settings.ts';

/** A model's files, and what they are known as. */
export interface ModelLocation {
  readonly directory: string;
  readonly name: string;
  readonly origin: ModelOrigin;
}

export interface LocateOptions {
  /** Where the variables of the hub are looked up; the process's by default. */
  readonly env?: Variables | undefined;
  /** Is told how far the download of a model has come. */
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
}

/**
 * Finds a model by what a user calls it: a directory, or else `org/name[@revision]` of the hub, which is downloaded
 * into the hub's cache unless it is there.
 *
 * @throws `input/missing-file` for neither; those of `fetchModel`.
 */
export async function locateModel(path: string, options: LocateOptions = {}): Promise<ModelLocation> {
  if (await isDirectory(path)) return inDirectory(path);
  const id = parseHubId(path);
  if (id === undefined) throw await noDirectory(path);
  const settings = await hubSettings(options.env);
  try {
    const { directory, commit } = await fetchModel(id, { settings, onProgress: options.onDownload });
    return { directory, name: id.name, origin: { from: 'hub', revision: commit } };
  } catch (error) {
    if (!(error instanceof GspfError) || !bothReadings.has(error.code)) throw error;
    const { hint = '', ...details } = error.details;
    const neither = `There is no directory of that name here either. ${await nearestDirectory(path)}`;
    throw new GspfError(error.code, { ...details, hint: `${hint} ${neither}`.trim(), cause: error });
  }
}

/** The location of a model in a directory; one in the hub's cache is known by its id. */
export function inDirectory(path: string): ModelLocation {
  const id = idOfSnapshot(resolve(path));
  if (id !== undefined)
    return { directory: path, name: id.name, origin: { from: 'hub', revision: id.revision } };
  return { directory: path, name: basename(resolve(path)), origin: { from: 'directory', path } };
}

/** The error for a path that is no directory. */
export async function noDirectory(path: string): Promise<GspfError> {
  return new GspfError('input/missing-file', {
    subject: path,
    expected: 'a directory with config.json, model.safetensors and tokenizer.json',
    got: 'no directory',
    hint: `${await nearestDirectory(path)}A model of the hub is given as org/name.`,
  });
}

/** Errors behind which may be a mistyped path. */
const bothReadings: ReadonlySet<string> = new Set([
  'input/hub-denied',
  'input/hub-missing',
  'input/hub-offline',
  'hub/unreachable',
]);

/** `Did you mean "…"? ` for a directory of a similar name beside the one that is not there. */
async function nearestDirectory(path: string): Promise<string> {
  const folder = dirname(path);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const beside = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  const nearest = nearestName(path, beside);
  return nearest === undefined ? '' : `Did you mean "${nearest}"? `;
}
