import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GspfError } from '../errors.ts';
import type { PrefixStore } from '../runtime/environment.ts';
import { exists, readBytes } from './files.ts';

/** Entries as files in a directory, spread over 256 folders by the beginnings of their names. */
export function prefixDirectory(directory: string): PrefixStore {
  const fileOf = (name: string): string => join(directory, name.slice(0, 2), name.slice(2));
  return {
    read: async (name) => ((await exists(fileOf(name))) ? readBytes(fileOf(name)) : undefined),
    write: async (name, bytes) => {
      const path = fileOf(name);
      const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
      try {
        await mkdir(dirname(path), { recursive: true });
        // Not synced: an entry that a crash cuts short is found damaged, and computed again.
        await writeFile(temporary, bytes);
        await rename(temporary, path);
      } catch (cause) {
        await rm(temporary, { force: true });
        throw new GspfError('output/failed', {
          subject: `prefix cache in ${directory}`,
          expected: 'room and permission to write',
          got: cause instanceof Error ? cause.message : String(cause),
          hint: 'Make room, or keep less: prefix.cache=memory or off.',
          cause,
        });
      }
    },
  };
}
