import { randomBytes } from 'node:crypto';
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GspfError } from '../errors.ts';
import { exists, isDirectory, makeDirectory } from './files.ts';

/**
 * Writes a directory that is there whole or not at all: `write` fills one under a temporary name beside it, which
 * is then renamed.
 *
 * @param overwrite Replaces the files of the same names in a directory that holds others already.
 * @throws `input/exists` for a directory with files in it, unless `overwrite` is set, and for a path that is a file;
 *   what `write` throws, after taking away what it wrote.
 */
export async function writeDirectory(
  path: string,
  { overwrite }: { readonly overwrite: boolean },
  write: (staging: string) => Promise<void>,
): Promise<void> {
  const occupied = await requireRoom(path, overwrite);
  const staging = `${path.replace(/[/\\]+$/, '')}.${randomBytes(4).toString('hex')}.tmp`;
  await makeDirectory(staging);
  try {
    await write(staging);
    if (occupied) {
      await moveFiles(staging, path);
      return;
    }
    // An empty directory gives way only now, so that a failure leaves it where it was.
    await rmdir(path).catch(() => {});
    await rename(staging, path);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Whether the directory holds files that may be replaced. */
async function requireRoom(path: string, overwrite: boolean): Promise<boolean> {
  if (!(await exists(path))) {
    await makeDirectory(dirname(path));
    return false;
  }
  if (!(await isDirectory(path))) {
    throw new GspfError('input/exists', {
      subject: path,
      expected: 'a directory to write in',
      got: 'a file',
    });
  }
  if ((await readdir(path)).length === 0) return false;
  if (overwrite) return true;
  throw new GspfError('input/exists', {
    subject: path,
    expected: 'a new or empty directory',
    got: 'one with files in it',
    hint: 'Choose another directory, or replace its files with --overwrite.',
  });
}

async function moveFiles(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const target = join(to, join(entry.parentPath, entry.name).slice(from.length));
    await makeDirectory(dirname(target));
    await rename(join(entry.parentPath, entry.name), target);
  }
}
