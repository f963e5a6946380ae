import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeDirectory, writeTextAtomically } from '../../src/node/files.ts';
import { lockFolder } from '../../src/node/folder-lock.ts';
import { openRunDirectory } from '../../src/node/run-directory.ts';
import { temporaryFolder } from '../cli/terminal.ts';

const now = new Date('2026-01-02T03:04:05Z');

/** The number of a process that was there and is gone. */
const gone = (): number => spawnSync(process.execPath, ['-e', '']).pid;

/** Leaves a lock as docs/run-directory.md describes it. */
function leaveLock(folder: string, holder: { pid: number; host?: string; started?: string | null }): void {
  const text = { host: hostname(), since: now.toISOString(), started: null, token: 'theirs', ...holder };
  writeFileSync(join(folder, 'run.lock'), JSON.stringify(text));
}

describe('a folder that a run writes to', () => {
  test('is refused to a second run, which is told who holds it, and free again when closed', async () => {
    const folder = temporaryFolder();
    const first = await openRunDirectory(folder);
    await expect(openRunDirectory(folder)).rejects.toMatchObject({
      code: 'input/locked',
      message: expect.stringContaining(`process ${process.pid} on host ${hostname()}`),
    });
    first.close();
    expect(readdirSync(folder)).toEqual([]);
    (await openRunDirectory(folder)).close();
  });

  test('is taken over from a process that is gone', async () => {
    const folder = temporaryFolder();
    const pid = gone();
    leaveLock(folder, { pid });
    const directory = await openRunDirectory(folder);
    expect(directory.tookOver?.pid).toBe(pid);
    expect(JSON.parse(readFileSync(join(folder, 'run.lock'), 'utf8')).pid).toBe(process.pid);
    directory.close();
  });

  test('is taken over by one alone of many that come at once', async () => {
    const folder = temporaryFolder();
    leaveLock(folder, { pid: gone() });
    const tries = await Promise.allSettled(Array.from({ length: 12 }, () => lockFolder(folder, now)));
    const won = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(won).toHaveLength(1);
    for (const lock of won) lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('stays with a process of another machine, and with a live one of this', async () => {
    const folder = temporaryFolder();
    leaveLock(folder, { pid: gone(), host: 'elsewhere.example' });
    await expect(lockFolder(folder, now)).rejects.toThrow('on host elsewhere.example');
    leaveLock(folder, { pid: process.ppid });
    await expect(lockFolder(folder, now)).rejects.toThrow(`process ${process.ppid}`);
  });

  test.runIf(existsSync('/proc/self/stat'))(
    'is taken over from a number that the system has given away again',
    async () => {
      const folder = temporaryFolder();
      leaveLock(folder, { pid: process.ppid, started: '1' });
      expect((await lockFolder(folder, now)).tookOver?.pid).toBe(process.ppid);
    },
  );

  test('keeps a lock that says nothing', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'run.lock'), '');
    await expect(lockFolder(folder, now)).rejects.toMatchObject({ code: 'input/locked' });
  });

  test('is not released by who does not hold it any more', async () => {
    const folder = temporaryFolder();
    const lock = await lockFolder(folder, now);
    leaveLock(folder, { pid: process.ppid });
    lock.release();
    expect(existsSync(join(folder, 'run.lock'))).toBe(true);
  });
});

describe('makeDirectory', () => {
  test('makes what is missing, by several at once', async () => {
    const folder = join(temporaryFolder(), 'a', 'b', 'c');
    await Promise.all(Array.from({ length: 8 }, () => makeDirectory(folder)));
    expect(existsSync(folder)).toBe(true);
  });

  const linux = process.platform === 'linux';
  if (!linux) console.warn('skipped: folders that nobody can write to need Linux');
  test.runIf(linux)('ends where nothing can be made', async () => {
    for (const path of ['/proc/x', '/proc/x/y/z', '/sys/x', '/dev/null/x']) {
      await expect(makeDirectory(path), path).rejects.toMatchObject({ code: 'output/failed' });
      await expect(openRunDirectory(path), path).rejects.toMatchObject({ code: 'output/failed' });
      await expect(writeTextAtomically(join(path, 'f'), ''), path).rejects.toMatchObject({
        code: 'output/failed',
      });
    }
    await expect(openRunDirectory('/sys')).rejects.toMatchObject({ code: 'output/failed' });
  });
});
