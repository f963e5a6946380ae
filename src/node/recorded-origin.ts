import { relative, resolve } from 'node:path';
import { z } from 'zod';
import type { ModelOrigin } from '../models/text-model.ts';
import { exists, readJson } from './files.ts';

/** Where a run's base was, as `run.json` records it. */
export type RecordedOrigin =
  | { readonly from: 'hub'; readonly revision: string }
  | {
      readonly from: 'directory';
      readonly path: string;
      /** The same as seen from the run's directory: right where both were moved together. */
      readonly fromRun: string;
    };

/** Makes paths such that they can be found again from anywhere. */
export function recordOrigin(origin: ModelOrigin | null, runDirectory: string): RecordedOrigin | null {
  if (origin === null || origin.from === 'hub') return origin;
  const path = resolve(origin.path);
  return { from: 'directory', path, fromRun: relative(resolve(runDirectory), path) };
}

/** What a `run.json` says of where the base with a hash was; undefined where it does not, or is not there. */
export async function readRecordedOrigin(
  reportPath: string,
  sha256: string,
): Promise<RecordedOrigin | undefined> {
  if (!(await exists(reportPath))) return undefined;
  const { data } = recordSchema.safeParse(await readJson(reportPath));
  return data?.model.baseSha256 === sha256 ? data.model.origin : undefined;
}

const originSchema: z.ZodType<RecordedOrigin> = z.discriminatedUnion('from', [
  z.object({ from: z.literal('hub'), revision: z.string() }),
  z.object({ from: z.literal('directory'), path: z.string(), fromRun: z.string() }),
]);

const recordSchema = z.looseObject({
  model: z.looseObject({ baseSha256: z.string(), origin: originSchema }),
});
