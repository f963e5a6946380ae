import { readFile, stat } from 'node:fs/promises';
import type { TaskFiles } from '../../src/tasks/sources.ts';

/** Files in memory; a path is a directory if a file lies under it. */
export function filesOf(contents: Readonly<Record<string, string>>): TaskFiles {
  const textOf = (path: string): string => {
    const text = contents[path];
    if (text === undefined) throw new Error(`no file ${path}`);
    return text;
  };
  return {
    readText: async (path) => textOf(path),
    readBytes: async (path) => new TextEncoder().encode(textOf(path)),
    async isDirectory(path) {
      return Object.keys(contents).some((name) => name.startsWith(`${path}/`));
    },
    async isFile(path) {
      return Object.hasOwn(contents, path);
    },
  };
}

/** Files on the disk. */
export const disk: TaskFiles = {
  readText: (path) => readFile(path, 'utf8'),
  readBytes: (path) => readFile(path),
  isDirectory: async (path) => (await stat(path).catch(() => undefined))?.isDirectory() ?? false,
  isFile: async (path) => (await stat(path).catch(() => undefined))?.isFile() ?? false,
};
