import { type LoadModelOptions, type Model, modelOf } from './model.ts';
import type { OnnxModel } from './onnx-model.ts';
import { openPatchOnBase } from './patch-on-base.ts';

/**
 * Opens a patch together with its base, which is looked for where the patch or the `run.json` beside it says it was,
 * and told by its hash.
 *
 * @param path The patch's file, or the directory of a run.
 * @throws `input/patch-base` where the base is not found; those of `loadModel` and `readPatch`.
 */
export async function loadPatchedModel(
  path: string,
  options: LoadModelOptions = {},
): Promise<Model | OnnxModel> {
  const { patch, base } = await openPatchOnBase(path, undefined, options);
  if (!('directory' in base)) return base.with(patch);
  return modelOf(base, patch, options);
}
