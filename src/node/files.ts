import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { decodeUtf8 } from '../data/utf8.ts';
import { GspfError, suggest } from '../errors.ts';
import type { Sha256 } from '../patch/hash.ts';
import type { TaskFiles } from '../tasks/load.ts';

/** SHA-256 by node:crypto. */
export function createSha256(): Sha256 {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
}

/** The most that is asked of the system at once: it reads no more than 2 GiB. */
const MOST_READ_BYTES = 2 ** 30;

/** The bytes of a file. @throws `input/missing-file` naming the nearest file beside it. */
export function readBytes(path: string): Promise<Uint8Array> {
  return withFile(path, async (file) => {
    const { size } = await file.stat();
    if (size <= MOST_READ_BYTES) return file.readFile();
    const bytes = new Uint8Array(size);
    return bytes.subarray(0, await readInto(bytes, file, 0));
  });
}

/** Fills `bytes` from a place of a file on. @returns how many there were */
export async function readInto(bytes: Uint8Array, file: FileHandle, start: number): Promise<number> {
  let filled = 0;
  while (filled < bytes.length) {
    const length = Math.min(bytes.length - filled, MOST_READ_BYTES);
    const { bytesRead } = await file.read(bytes, filled, length, start + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** Calls `work` with a file that is open for reading, then closes it. @throws `input/missing-file` as {@link readBytes}. */
export async function withFile<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await reading(path, () => open(path));
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw await missingFile(path, cause);
  }
}

/** The text of a file, decoded as UTF-8. @throws `input/missing-file`, `input/data` for other encodings. */
export async function readText(path: string): Promise<string> {
  return decodeUtf8(await readBytes(path), path);
}

/** The object that a JSON file holds. @throws `input/model` for anything else. */
export async function readJson(path: string): Promise<object> {
  const text = await readText(path);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new GspfError('input/model', { subject: path, expected: 'JSON', got, cause });
  }
  throw new GspfError('input/model', { subject: path, expected: 'a JSON object', got: text.slice(0, 40) });
}

export async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}

export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/**
 * Makes a directory, and those above it that are missing.
 *
 * Node's own `recursive` never ends where a folder that is there says that it is not (`/proc/x` on Linux).
 *
 * @throws `output/failed` where the system does not let it be made.
 */
export async function makeDirectory(path: string): Promise<void> {
  const missing: string[] = [];
  let folder = resolve(path);
  while (!(await exists(folder)) && dirname(folder) !== folder) {
    missing.unshift(folder);
    folder = dirname(folder);
  }
  for (const next of missing) {
    try {
      await mkdir(next);
    } catch (cause) {
      // Someone else may have made it in the meantime.
      if (!(await isDirectory(next))) throw notWritten(path, cause);
    }
  }
}

/**
 * Writes a file so that it is either whole or not there: to a temporary name, synced, then renamed.
 *
 * @throws `output/failed` where the system does not let it be written.
 */
export async function writeAtomically(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  await makeDirectory(dirname(path));
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx').catch((cause: unknown) => {
    throw notWritten(path, cause);
  });
  try {
    for (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw isSystemError(error) ? notWritten(path, error) : error;
  }
}

/** The error for something that the system did not let be written. */
export function notWritten(
  subject: string,
  cause: unknown,
  hint = 'Make room, or choose another place with --out.',
): GspfError {
  const known = cause instanceof GspfError ? cause.details.got : undefined;
  return new GspfError('output/failed', {
    subject,
    expected: 'room and permission to write',
    got: known ?? (cause instanceof Error ? cause.message : String(cause)),
    hint,
    cause,
  });
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

/** {@link writeAtomically} for text. */
export function writeTextAtomically(path: string, text: string): Promise<void> {
  return writeAtomically(path, [new TextEncoder().encode(text)]);
}

/** File access for loading tasks. */
export const taskFiles: TaskFiles = { readText, readBytes, isDirectory, isFile };

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR');
}

async function missingFile(path: string, cause: unknown): Promise<GspfError> {
  const folder = dirname(path);
  const beside = await readdir(folder).catch(() => undefined);
  return new GspfError('input/missing-file', {
    subject: path,
    expected: 'a file',
    got: beside === undefined ? `no folder ${folder}` : 'none of that name',
    hint:
      beside === undefined
        ? ''
        : suggest(
            path,
            beside.map((name) => join(folder, name)),
          ),
    cause,
  });
}
