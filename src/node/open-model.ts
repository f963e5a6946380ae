import type { Patch } from '../patch/patch.ts';
import { findBase } from './find-base.ts';
import { type LocateOptions, locateModel } from './locate-model.ts';
import { type DirectoryModel, openModelDirectory } from './model-directory.ts';
import { loadOnnxModel, type OnnxModel } from './onnx-model.ts';
import { readPatch } from './patch-file.ts';
import { patchFileOf } from './run-directory.ts';

/** Opens a model directory that {@link locateModel} finds. @throws as that, and as `openModelDirectory`. */
export async function openModel(path: string, options: LocateOptions = {}): Promise<DirectoryModel> {
  return openModelDirectory((await locateModel(path, options)).directory);
}

/** A patch, and the model that it was made from. */
export interface PatchOnBase {
  readonly patch: Patch;
  readonly base: DirectoryModel | OnnxModel;
}

/**
 * Opens a patch and its base.
 *
 * @param path The patch's file, or the directory of a run.
 * @param model The base; where it is not given it is looked for, and told by its hash.
 * @throws `input/patch-base` where the base is not found; those of reading a patch and of {@link openModel}.
 */
export async function openPatchOnBase(
  path: string,
  model: string | undefined,
  options: LocateOptions = {},
): Promise<PatchOnBase> {
  const file = await patchFileOf(path);
  const patch = await readPatch(file);
  const place = model ?? (await findBase(patch, file, options)).directory;
  const isOnnx = place.endsWith('.onnx');
  return { patch, base: isOnnx ? await loadOnnxModel(place) : await openModel(place, options) };
}
