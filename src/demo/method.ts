import { stat } from 'node:fs/promises';
import { fineTune } from '../node/fine-tune.ts';
import { loadModel } from '../node/model.ts';
import type { TrainOptions } from '../options/options.ts';
import type { FrozenProof } from '../training/frozen.ts';
import type { Evaluation } from '../training/observer.ts';
import { type DemoTaskSize, demoTask } from './task.ts';

/** The methods that the demonstration compares. */
export type DemoMethod = 'full' | 'gspf';

/** Both train equally long. */
const EPOCHS = 10;

/**
 * What each method trains with. Rates and share were chosen on other seeds than the demonstration's; demo/README.md
 * has the whole sweep.
 */
const options: { readonly [M in DemoMethod]: TrainOptions } = {
  full: { lr: 1e-3 },
  gspf: { lr: 1e-2, select: { ratio: 0.05 } },
};

/** One run to make, as plain data: it may be sent to another process. */
export interface MethodJob {
  readonly method: DemoMethod;
  readonly modelDirectory: string;
  /** Where to write the patch. */
  readonly patchPath: string;
  readonly size: DemoTaskSize;
  readonly epochs?: number | undefined;
  readonly seed: number;
  readonly threads: number;
}

/** What came of it, as plain data. */
export interface MethodOutcome {
  readonly method: DemoMethod;
  /** Share of right answers on the evaluation half after the last epoch. */
  readonly accuracy: number;
  /** Weights of the model with its classifier, and those that were trained. */
  readonly parameters: number;
  readonly trained: number;
  readonly frozen: FrozenProof;
  readonly elapsedMs: number;
  /** Highest resident memory of the process. */
  readonly peakRssBytes: number;
  readonly patchBytes: number;
}

/** Makes runs: in this process, or in one of its own. */
export type RunMethod = (
  job: MethodJob,
  onEvaluation: (evaluation: Evaluation) => void,
) => Promise<MethodOutcome>;

/** Makes a run in this process. */
export const runMethod: RunMethod = async (job, onEvaluation) => {
  const { method, epochs = EPOCHS, seed } = job;
  const model = await loadModel(job.modelDirectory, { threads: job.threads });
  const given = { ...options[method], method, epochs, seed, batchSize: 32 };
  const { patch, report } = await fineTune(model, demoTask(job.size), { ...given, onEvaluation });
  await model.release();
  await patch.write(job.patchPath);
  return {
    method,
    accuracy: report.metrics['accuracy'] ?? 0,
    parameters: report.model.parameters,
    trained: report.cumulative,
    frozen: report.frozen,
    elapsedMs: report.elapsedMs,
    peakRssBytes: report.peakRssBytes,
    patchBytes: (await stat(job.patchPath)).size,
  };
};
