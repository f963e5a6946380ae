import { join } from 'node:path';
import { widenAll } from '../models/half-precision.ts';
import { withWeights } from '../models/onnx-model.ts';
import { encodeModel } from '../onnx/encode.ts';
import { writeAtomically } from './files.ts';
import { copyCompanions } from './onnx-companions.ts';
import type { OnnxModel } from './onnx-model.ts';
import { writeDirectory } from './output-directory.ts';

/** The file that {@link saveOnnxFile} writes. */
const MODEL_FILE = 'model.onnx';

/**
 * Writes an ONNX model as it was trained, its patch and its new head included, as one file of opset 20 with the weights
 * inside, with the tokenizer and the label names beside it.
 *
 * @returns the file's path
 */
export async function saveOnnxFile(model: OnnxModel, out: string, overwrite: boolean): Promise<string> {
  const graph = withWeights(model.forward(), widenAll(await model.readTensors()));
  await writeDirectory(out, { overwrite }, async (staging) => {
    await writeAtomically(join(staging, MODEL_FILE), [encodeModel(graph)]);
    await copyCompanions(model.path, staging, model.labels);
  });
  return join(out, MODEL_FILE);
}
