import { randomBytes } from 'node:crypto';
import { constants, readFileSync, rmSync } from 'node:fs';
import { copyFile, link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { GspfError } from '../errors.ts';
import { makeDirectory, notWritten } from './files.ts';

/** The file in a folder that says which process writes there. */
const LOCK_FILE = 'run.lock';

/** The process that holds a folder. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601, in UTC. */
  readonly since: string;
  /** When the system started the process, in its own unit: tells it from a later one with the same number. */
  readonly started: string | null;
  /** Tells one lock from another of the same process. */
  readonly token: string;
}

const holderSchema: z.ZodType<LockHolder> = z.object({
  pid: z.int().positive(),
  host: z.string(),
  since: z.string(),
  started: z.string().nullable(),
  token: z.string(),
});

/** A folder that this process alone writes to. */
export interface FolderLock {
  /** The process that held it and is gone; undefined where the folder was free. */
  readonly tookOver: LockHolder | undefined;
  /** Gives the folder free; once is enough, more do no harm. */
  release(): void;
}

/**
 * Takes a folder that is there for this process, until it is released or the process is gone.
 *
 * @throws `input/locked` naming the process that holds it; `output/failed` where nothing can be written there.
 */
export async function lockFolder(folder: string, now: Date): Promise<FolderLock> {
  const lock = await tryLock(folder, now);
  if ('release' in lock) return lock;
  throw locked(folder, lock);
}

/**
 * The same, for a folder that is made where it is missing; waits, pause by pause, while a process of this machine holds
 * it.
 */
export async function waitForFolder(folder: string, pause: () => Promise<unknown>): Promise<FolderLock> {
  await makeDirectory(folder);
  while (true) {
    const lock = await tryLock(folder, new Date());
    if ('release' in lock) return lock;
    if (lock.host !== hostname()) throw locked(folder, lock);
    await pause();
  }
}

/** The lock, or the process that holds it. */
async function tryLock(folder: string, now: Date): Promise<FolderLock | LockHolder> {
  const path = join(folder, LOCK_FILE);
  const token = randomBytes(8).toString('hex');
  const { pid } = process;
  const own = { pid, host: hostname(), since: now.toISOString(), started: startOf(pid), token };
  let tookOver: LockHolder | undefined;
  while (!(await createWhole(path, `${JSON.stringify(own)}\n`))) {
    const holder = await holderOf(path);
    if (holder === undefined) continue;
    if (mayBeAlive(holder)) return holder;
    if (await removeLock(path, holder)) tookOver = holder;
  }
  return {
    tookOver,
    release: () => {
      if (parseHolder(readOrEmpty(path))?.token === token) rmSync(path, { force: true });
    },
  };
}

/** Makes a file with its contents in it, in one step; false where there is one already. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, text, { flag: 'wx' });
    // File systems without hard links can at least copy.
    await link(temporary, path).catch((error: unknown) =>
      codeOf(error) === 'EEXIST' ? Promise.reject(error) : copyFile(temporary, path, constants.COPYFILE_EXCL),
    );
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw notWritten(path, error);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Who holds a lock; undefined where it was released just now. @throws `input/locked` for a file of something else. */
async function holderOf(path: string): Promise<LockHolder | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const holder = parseHolder(text);
  if (holder !== undefined) return holder;
  throw new GspfError('input/locked', {
    subject: path,
    expected: 'a lock that says which process holds it',
    got: JSON.stringify(text.slice(0, 40)),
    hint: 'Remove the file if no run is writing to its folder.',
  });
}

/**
 * Removes the lock of a process that is gone. It is moved aside first: of two that find it, only one can, and one
 * that came late and moved the other's new lock puts it back.
 */
async function removeLock(path: string, { token }: LockHolder): Promise<boolean> {
  const aside = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw notWritten(path, error);
  }
  const right = parseHolder(await readFile(aside, 'utf8'))?.token === token;
  if (right) await rm(aside, { force: true });
  else await rename(aside, path);
  return right;
}

/** Whether a process is there; one of another machine cannot be asked, so that it is taken to be. */
function mayBeAlive({ pid, host, started }: LockHolder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and someone else's.
    return codeOf(error) === 'EPERM';
  }
  const now = startOf(pid);
  return started === null || now === null || started === now;
}

/** When a process started, in ticks since the machine did (proc(5), field 22 of stat); null where no one tells. */
function startOf(pid: number): string | null {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, which may hold spaces and parentheses itself.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    return holderSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function locked(folder: string, { pid, host, since }: LockHolder): GspfError {
  const elsewhere = host !== hostname();
  return new GspfError('input/locked', {
    subject: folder,
    expected: 'a directory that no other run writes to',
    got: `one held by process ${pid} on host ${host} since ${since}`,
    hint: elsewhere
      ? `Choose another directory, or wait for that run. If it is gone, remove ${join(folder, LOCK_FILE)}.`
      : 'Choose another directory, or wait for that run.',
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
