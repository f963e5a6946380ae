import { z } from 'zod';
import { GspfError } from '../errors.ts';
import type { Indices, Selection } from '../methods/selection.ts';
import { decodeGaps, encodeGaps } from '../patch/leb128.ts';
import { decodeSafetensors } from '../safetensors/decode.ts';
import { encodeSafetensors } from '../safetensors/encode.ts';
import { fromBytes, type Tensor } from '../tensor.ts';
import type { SavedSelection } from '../training/given-selection.ts';
import { readBytes } from './files.ts';

const FORMAT = 'gspf-selection';
const VERSION = '1';
const INDICES = '.indices';

/**
 * The bytes of a selection's file (docs/run-directory.md): `NAME.indices` for each tensor that is selected in part,
 * the names of those selected whole in the metadata.
 *
 * @param base Hash of the model whose weights they are, by `baseSha256`.
 */
export function encodeSelection(selection: Selection, base: string): Uint8Array {
  const stored: [string, Tensor][] = [];
  const whole: string[] = [];
  for (const [name, indices] of selection) {
    if (indices === 'all') {
      whole.push(name);
      continue;
    }
    const gaps = encodeGaps(indices, `tensor ${JSON.stringify(name)}`);
    stored.push([name + INDICES, fromBytes('uint8', [gaps.length], gaps)]);
  }
  const metadata = {
    format: FORMAT,
    version: VERSION,
    base_sha256: base,
    whole: JSON.stringify(whole.sort()),
  };
  return encodeSafetensors(stored, metadata);
}

/**
 * Reads which weights a run trained, from its `selection.safetensors`.
 *
 * @throws `input/missing-file`, `input/safetensors`; `input/data` for a file that holds something else.
 */
export async function readSelection(path: string): Promise<Selection> {
  return (await readSavedSelection(path)).selection;
}

/** {@link readSelection}, with the model that the selection is of. */
export async function readSavedSelection(path: string): Promise<SavedSelection> {
  const { tensors, metadata } = decodeSafetensors(await readBytes(path), path);
  const whole = wholeSchema.safeParse(metadata);
  if (!whole.success) {
    throw new GspfError('input/data', {
      subject: path,
      expected: `a selection of version ${VERSION}, as a run writes it`,
      got: `format ${JSON.stringify(metadata['format'] ?? 'none')}`,
      cause: whole.error,
    });
  }
  const selection = new Map<string, Indices>(whole.data.whole.map((name) => [name, 'all']));
  for (const [key, { data }] of tensors) {
    const name = key.slice(0, -INDICES.length);
    const gaps = data instanceof Uint8Array ? data : new Uint8Array();
    selection.set(name, Int32Array.from(decodeGaps(gaps, `${path}: tensor ${JSON.stringify(name)}`)));
  }
  return { selection, baseSha256: whole.data.base_sha256, source: path };
}

const wholeSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  base_sha256: z.string(),
  whole: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(z.array(z.string())),
});
