import { type LocateOptions, locateModel } from './locate-model.ts';
import type { LoadModelOptions } from './model.ts';
import { type DirectoryModel, openModelDirectory } from './model-directory.ts';
import { loadOnnxModel, type OnnxModel } from './onnx-model.ts';

/** What a patch can be for. */
export type BaseModel = DirectoryModel | OnnxModel;

/** Whether a path names an ONNX file. */
export const isOnnxPath = (path: string): boolean => path.endsWith('.onnx');

/** Opens a model directory that {@link locateModel} finds. @throws as that, and as `openModelDirectory`. */
export async function openModel(path: string, options: LocateOptions = {}): Promise<DirectoryModel> {
  return openModelDirectory((await locateModel(path, options)).directory);
}

/** Opens an ONNX file, or as {@link openModel}. @throws as that, and as `loadOnnxModel`. */
export async function openBase(path: string, options: LoadModelOptions = {}): Promise<BaseModel> {
  return isOnnxPath(path) ? loadOnnxModel(path, options) : openModel(path, options);
}
