import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointStore } from '../training/checkpoint.ts';
import { exists, makeDirectory, notWritten, readBytes, writeAtomically } from './files.ts';

/** The newest checkpoint, and the one before it. */
const names = ['latest.safetensors', 'previous.safetensors'] as const;

const KEPT = 'The checkpoint before it is still there: mend the cause, then go on with --resume.';

/**
 * Checkpoints in a directory: each is written to a temporary name, synced and renamed, and the one before is kept.
 */
export function checkpointDirectory(directory: string): CheckpointStore {
  const [latest, previous] = names.map((name) => join(directory, name));
  return {
    place: directory,
    candidates: async () => {
      const found = [];
      for (const source of [latest, previous]) {
        if (source !== undefined && (await exists(source)))
          found.push({ bytes: await readBytes(source), source });
      }
      return found;
    },
    save: async (chunks) => {
      if (latest === undefined || previous === undefined) return;
      try {
        await makeDirectory(directory);
        const next = join(directory, 'next.safetensors');
        await writeAtomically(next, chunks);
        if (await exists(latest)) await rename(latest, previous);
        await rename(next, latest);
      } catch (cause) {
        throw notWritten(`checkpoint in ${directory}`, cause, KEPT);
      }
    },
  };
}

/** Removes the checkpoints of a finished run. */
export async function removeCheckpoints(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
