import { mkdtemp, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadModel, type Model } from '../node/model.ts';
import { readPatch } from '../node/patch-file.ts';
import type { Classification } from '../objectives/classification.ts';
import type { Patch } from '../patch/patch.ts';
import type { Evaluation } from '../training/observer.ts';
import { runMethodInChild } from './child.ts';
import type { DemoMethod, MethodOutcome, RunMethod } from './method.ts';
import { type PatchProof, provePatch } from './proof.ts';
import { type DemoTaskSize, demoTask } from './task.ts';

/** The model of the demonstration, which this project pretrained itself: demo/README.md. */
export const demoModelDirectory: string = fileURLToPath(new URL('../../demo/model', import.meta.url));

export interface DemoOptions {
  /** Seed of the runs; 0. */
  readonly seed?: number | undefined;
  /** Threads for one operator; 2, or the one that there is. */
  readonly threads?: number | undefined;
  /** Texts to train and evaluate on; 1,200 and 400. */
  readonly size?: DemoTaskSize | undefined;
  readonly epochs?: number | undefined;
  /** How each run is made; in a process of its own. */
  readonly runMethod?: RunMethod | undefined;
}

/** Who follows the demonstration. */
export interface DemoObserver {
  readonly onModel?: ((model: DemoModel) => void) | undefined;
  readonly onMethod?: ((method: DemoMethod) => void) | undefined;
  readonly onEvaluation?: ((method: DemoMethod, evaluation: Evaluation) => void) | undefined;
}

/** The model that is fine-tuned, and what on. */
export interface DemoModel {
  readonly name: string;
  readonly parameters: number;
  readonly sizeBytes: number;
  readonly labels: readonly string[];
  readonly size: DemoTaskSize;
}

/** A sentence, what is asked for in it, and what the patched model says. */
export interface DemoPrediction {
  readonly text: string;
  readonly expected: string;
  readonly found: Classification;
}

/** All that the demonstration shows. */
export interface DemoResult {
  readonly model: DemoModel;
  readonly methods: readonly MethodOutcome[];
  /** Of the patch that GSPF made. */
  readonly proof: PatchProof;
  readonly predictions: readonly DemoPrediction[];
  readonly elapsedMs: number;
}

/** Sentences that the grammar did not write; each names two things and asks for one. */
const sentences = [
  ['I do not need a refund, I only want to have news about the parcel.', 'delivery'],
  ['I do not need news about the parcel, I only want to have a refund.', 'refund'],
  ['Thank you for the receipt. The lamp is cracked, please send me another lamp.', 'exchange'],
  ['The new password can wait, but my office still needs a copy of the bill.', 'invoice'],
] as const;

/** What follows the first run's seed. */
const DEFAULT_SIZE: DemoTaskSize = { train: 1200, evaluation: 400 };

/**
 * Fine-tunes the built-in model in full and by GSPF, then puts GSPF's patch on a copy of the model and takes it off
 * again. Needs no network; what it writes goes to a temporary folder that is taken away at the end.
 *
 * @throws `runtime/failed` where one of the runs fails.
 */
export async function runDemo(
  { seed = 0, threads, size = DEFAULT_SIZE, epochs, runMethod = runMethodInChild }: DemoOptions = {},
  { onModel, onMethod, onEvaluation }: DemoObserver = {},
): Promise<DemoResult> {
  const threadCount = threads ?? Math.min(2, availableParallelism());
  const folder = await mkdtemp(join(tmpdir(), 'gspf-demo-'));
  const model = await loadModel(demoModelDirectory, { threads: threadCount });
  const startedAt = model.environment.now();
  try {
    const described = await describeModel(model, size);
    onModel?.(described);
    const run = (method: DemoMethod): Promise<MethodOutcome> => {
      onMethod?.(method);
      const patchPath = join(folder, `${method}.safetensors`);
      const job = { method, modelDirectory: demoModelDirectory, patchPath, size, epochs, seed };
      return runMethod({ ...job, threads: threadCount }, (evaluation) => onEvaluation?.(method, evaluation));
    };
    const methods = [await run('full'), await run('gspf')];
    const patch = await readPatch(join(folder, 'gspf.safetensors'));
    const texts = demoTask(size).evaluation.map(({ text }) => text);
    return {
      model: described,
      methods,
      proof: await provePatch(model, patch, texts, folder, threadCount),
      predictions: await predict(model, patch),
      elapsedMs: model.environment.now() - startedAt,
    };
  } finally {
    await model.release();
    await rm(folder, { recursive: true, force: true });
  }
}

async function describeModel(model: Model, size: DemoTaskSize): Promise<DemoModel> {
  const { size: sizeBytes } = await stat(join(demoModelDirectory, 'model.safetensors'));
  const tensors = [...(await model.readTensors()).values()];
  const parameters = tensors.reduce((sum, { data }) => sum + data.length, 0);
  const { labels } = demoTask({ train: 0, evaluation: 0 });
  return { name: 'demo/model', parameters, sizeBytes, labels, size };
}

async function predict(model: Model, patch: Patch): Promise<readonly DemoPrediction[]> {
  const found = await model.with(patch).classify(sentences.map(([text]) => text));
  return sentences.flatMap(([text, expected], i) => {
    const classification = found[i];
    return classification === undefined ? [] : [{ text, expected, found: classification }];
  });
}
