/** Fine-tuning in JavaScript: a pretrained model in, a small exact patch out. */

export { differentiate, gradientName, vectorJacobianProduct } from './autodiff/differentiate.ts';
export { type ErrorCode, type ErrorDetails, errorCodes, GspfError } from './errors.ts';
export { GraphBuilder } from './graph/builder.ts';
export type { Attribute, Graph, Node, StaticGraph, ValueInfo } from './graph/graph.ts';
export { Explainer, type TensorExplanation, type WeightExplanation } from './methods/gspf/explain.ts';
export type { ScoreTable } from './methods/gspf/score-table.ts';
export { type MachineCosts, machineCosts } from './node/cost-table.ts';
export { type Diagnosis, diagnose } from './node/doctor.ts';
export {
  type FineTuneOptions,
  fineTune,
  loadTask,
  type RunResult,
  type WritablePatch,
} from './node/fine-tune.ts';
export { type GradientOptions, type Gradients, modelGradients } from './node/gradients.ts';
export type { DownloadProgress } from './node/hub/fetch-model.ts';
export {
  applyPatchToDirectory,
  diffModelDirectories,
  revertPatchInDirectory,
  type WrittenModel,
} from './node/merge.ts';
export {
  type DetailedEvaluation,
  type LoadModelOptions,
  loadModel,
  Model,
  type Question,
  type TextInput,
} from './node/model.ts';
export { readOnnx } from './node/onnx-file.ts';
export { type OnnxRuntimeOptions, onnxRuntime } from './node/onnxruntime.ts';
export { readPatch, writePatch } from './node/patch-file.ts';
export { loadPatchedModel } from './node/patched-model.ts';
export { Profiler } from './node/profiler.ts';
export {
  openRunDirectory,
  type RunDirectory,
  type RunDirectoryOptions,
  type RunRecord,
} from './node/run-directory.ts';
export { type SavedModel, saveModelDirectory, saveOnnxDirectory } from './node/save-model.ts';
export { readScores, writeScores } from './node/scores-file.ts';
export { selectWeights, writeSelection } from './node/select-weights.ts';
export { readSelection } from './node/selection-file.ts';
export { readTexts, type Texts } from './node/texts.ts';
export type { AnswerSpan, QuestionAnswer } from './objectives/best-spans.ts';
export type { Classification } from './objectives/classification.ts';
export type { FilledText, MaskCandidate } from './objectives/filled-masks.ts';
export type { FoundEntity, TaggedText, TaggedWord } from './objectives/tagged-text.ts';
export { type DecodeOptions, decodeModel } from './onnx/decode.ts';
export { encodeModel } from './onnx/encode.ts';
export type { LossName } from './options/loss-names.ts';
export type { PrefixPrecision, ResolvedTrainOptions, TrainOptions } from './options/options.ts';
export { type AppliedPatch, applyPatch, revertPatch } from './patch/apply.ts';
export { diffTensors } from './patch/diff.ts';
export { baseSha256, type CreateSha256, type Sha256 } from './patch/hash.ts';
export { type PatchInfoRow, patchInfo } from './patch/info.ts';
export {
  comparePatches,
  type MergedPatch,
  mergePatches,
  type Overlap,
  type Preference,
} from './patch/merge.ts';
export { decodePatch, encodePatch, type Patch } from './patch/patch.ts';
export { type PatchCheck, verifyPatch } from './patch/verify.ts';
export type { Backend, Executable, NamedTensors } from './runtime/backend.ts';
export { referenceBackend } from './runtime/reference.ts';
export { decodeSafetensors, type SafetensorsFile } from './safetensors/decode.ts';
export { encodeSafetensors } from './safetensors/encode.ts';
export { bindDimensions, type SpecializeOptions, specialize } from './specialize/specialize.ts';
export type { ArrayExample, Arrays, ArraysTask, NamedTensor } from './tasks/arrays.ts';
export type { TaskOptions } from './tasks/load.ts';
export type { MaskedLmTask, PlainText } from './tasks/masked-lm.ts';
export type { QuestionAnsweringTask, QuestionExample } from './tasks/question-answering.ts';
export type { Task, TextClassificationTask, TextExample } from './tasks/task.ts';
export type { TextRegressionTask, TextTarget } from './tasks/text-regression.ts';
export type { LabelledWords, TokenClassificationTask } from './tasks/token-classification.ts';
export type { DType, Tensor, TensorType } from './tensor.ts';
export type { FineTuned } from './training/fine-tune.ts';
export type { Evaluation, Observer, Progress } from './training/observer.ts';
export type { RunReport } from './training/run-report.ts';
export type { SelectedWeights } from './training/select-weights.ts';
export { version } from './version.ts';
