import { decodePatch, encodePatch, type Patch } from '../patch/patch.ts';
import { readBytes, writeAtomically } from './files.ts';

/** Reads a patch from a file. @throws `input/missing-file`, `input/safetensors`, `input/patch`. */
export async function readPatch(path: string): Promise<Patch> {
  return decodePatch(await readBytes(path), path);
}

/** Writes a patch to a file, whole or not at all; returns its size in bytes. */
export async function writePatch(path: string, patch: Patch): Promise<number> {
  const bytes = encodePatch(patch);
  await writeAtomically(path, [bytes]);
  return bytes.byteLength;
}
