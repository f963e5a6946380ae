import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { GspfError } from '../../errors.ts';
import { makeDirectory, notWritten } from '../files.ts';
import { causeOf, type HubFile, type HubModel, hubFetch, unreachable } from './client.ts';
import { formatHubId } from './hub-id.ts';
import type { HubSettings } from './settings.ts';

/** A connection that has brought nothing for so long is given up. */
const IDLE_MS = 30_000;

export interface DownloadOptions {
  readonly settings: HubSettings;
  /** Pauses before another attempt, in milliseconds: one for each, after which the error stands. */
  readonly pausesMs: readonly number[];
  /** Is told how many more bytes are there: those of an earlier attempt first. */
  readonly onBytes: (count: number, kind: 'kept' | 'fetched') => void;
}

/**
 * Downloads a file of a model to `path`. What an attempt that broke off has left in `path.incomplete` is gone on from;
 * the file gets its name only when its digest is right.
 *
 * @throws `hub/damaged` for other contents than the hub lists, after which nothing is left; `hub/unreachable` where the
 *   hub breaks off again and again, after which the part is left; `input/hub-denied`, `input/hub-missing`,
 *   `output/failed`.
 */
export async function downloadFile(
  model: HubModel,
  file: HubFile,
  path: string,
  options: DownloadOptions,
): Promise<void> {
  const partial = `${path}.incomplete`;
  await makeDirectory(dirname(path));
  const kept = await keptBytes(partial, file);
  options.onBytes(kept, 'kept');
  await fetchRest(model, file, partial, options);
  let got = await digestOf(partial, file);
  if (got !== file.digest.hex && kept > 0) {
    // The kept part may have been the bad one.
    await rm(partial, { force: true });
    options.onBytes(-file.sizeBytes, 'kept');
    await fetchRest(model, file, partial, options);
    got = await digestOf(partial, file);
  }
  if (got !== file.digest.hex) {
    await rm(partial, { force: true });
    throw damaged(model, file, got);
  }
  await rename(partial, path);
}

/** How many bytes an earlier attempt has left; more than the file has are none of its. */
async function keptBytes(partial: string, { sizeBytes }: HubFile): Promise<number> {
  const kept = await sizeOfFile(partial);
  if (kept <= sizeBytes) return kept;
  await rm(partial, { force: true });
  return 0;
}

/** Fetches what is missing of a file, in as many attempts as there are pauses and one more. */
async function fetchRest(
  model: HubModel,
  file: HubFile,
  partial: string,
  options: DownloadOptions,
): Promise<void> {
  let attempt = 0;
  while ((await sizeOfFile(partial)) < file.sizeBytes || file.sizeBytes === 0) {
    const before = await sizeOfFile(partial);
    try {
      await fetchOnce(model, file, partial, options);
      if ((await sizeOfFile(partial)) >= file.sizeBytes) return;
      throw unreachable(options.settings, `only a part of ${file.path}`);
    } catch (error) {
      if (!(error instanceof GspfError) || error.code !== 'hub/unreachable') throw error;
      // An attempt that brought something does not count: a line that breaks every minute still gets there.
      if ((await sizeOfFile(partial)) > before) attempt = 0;
      const pauseMs = options.pausesMs[attempt++];
      if (pauseMs === undefined) throw error;
      await pause(pauseMs);
    }
  }
}

async function fetchOnce(
  { id, commit }: HubModel,
  { path, sizeBytes }: HubFile,
  partial: string,
  { settings, onBytes }: DownloadOptions,
): Promise<void> {
  const start = await sizeOfFile(partial);
  const idle = new AbortController();
  const timer = setTimeout(() => idle.abort(new Error(`nothing for ${IDLE_MS / 1000} s`)), IDLE_MS);
  try {
    const response = await hubFetch(
      id,
      path,
      settings,
    )(`${settings.endpoint}/${id.name}/resolve/${commit}/${encodeURIComponent(path)}`, {
      // A range of compressed bytes would not go on where ours end.
      headers: { 'accept-encoding': 'identity', ...(start > 0 && { range: `bytes=${start}-` }) },
      signal: idle.signal,
    });
    const goesOn = response.status === 206;
    const out = await open(partial, goesOn ? 'a' : 'w').catch((cause: unknown) => {
      throw notWritten(partial, cause);
    });
    if (!goesOn && start > 0) onBytes(-start, 'kept');
    try {
      let size = goesOn ? start : 0;
      for await (const chunk of readAll(response, settings)) {
        timer.refresh();
        size += chunk.byteLength;
        if (size > sizeBytes) throw unreachable(settings, `more bytes of ${path} than it has`);
        await out.write(chunk).catch((cause: unknown) => {
          throw notWritten(partial, cause);
        });
        onBytes(chunk.byteLength, 'fetched');
      }
      await out.sync();
    } finally {
      await out.close();
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The chunks of an answer. @throws `hub/unreachable` where they break off. */
async function* readAll({ body }: Response, settings: HubSettings): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    while (true) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw unreachable(settings, causeOf(cause), cause);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function digestOf(path: string, { digest, sizeBytes }: HubFile): Promise<string> {
  const hash = createHash(digest.algorithm === 'sha256' ? 'sha256' : 'sha1');
  // git hashes a file behind a header of its kind and size.
  if (digest.algorithm === 'git-sha1') hash.update(`blob ${sizeBytes}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

async function sizeOfFile(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function damaged({ id }: HubModel, { path, digest }: HubFile, got: string): GspfError {
  return new GspfError('hub/damaged', {
    subject: `${formatHubId(id)}: ${path}`,
    expected: `contents with ${digest.algorithm} ${digest.hex}`,
    got,
    hint: 'Nothing of it was kept: try again. If it stays, something between here and the hub changes files.',
  });
}
