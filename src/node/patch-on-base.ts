import type { Patch } from '../patch/patch.ts';
import { findBase } from './find-base.ts';
import type { LoadModelOptions } from './model.ts';
import { type BaseModel, openBase } from './open-model.ts';
import { readPatch } from './patch-file.ts';
import { patchFileOf } from './run-directory.ts';

/** A patch, and the model that it was made from. */
export interface PatchOnBase {
  readonly patch: Patch;
  readonly base: BaseModel;
}

/**
 * Opens a patch and its base.
 *
 * @param path The patch's file, or the directory of a run.
 * @param model The base; where it is not given it is looked for, and told by its hash.
 * @throws `input/patch-base` where the base is not found; those of reading a patch and of `openBase`.
 */
export async function openPatchOnBase(
  path: string,
  model: string | undefined,
  options: LoadModelOptions = {},
): Promise<PatchOnBase> {
  const file = await patchFileOf(path);
  const patch = await readPatch(file);
  const base = model === undefined ? await findBase(patch, file, options) : await openBase(model, options);
  return { patch, base };
}
