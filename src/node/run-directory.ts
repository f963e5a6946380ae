import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { GspfError } from '../errors.ts';
import type { ScoreTable } from '../methods/gspf/score-table.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import { encodePatch } from '../patch/patch.ts';
import { type CheckpointProgress, requireSameRun } from '../training/checkpoint.ts';
import type { FineTuned } from '../training/fine-tune.ts';
import type { Evaluation, Observer, Progress } from '../training/observer.ts';
import type { RunReport } from '../training/run-report.ts';
import { removeCheckpoints } from './checkpoint-directory.ts';
import {
  createSha256,
  exists,
  isDirectory,
  makeDirectory,
  readJson,
  writeAtomically,
  writeTextAtomically,
} from './files.ts';
import { type FolderLock, type LockHolder, lockFolder } from './folder-lock.ts';
import { type Host, host, type Versions, versions } from './host.ts';
import { type RecordedOrigin, recordOrigin } from './recorded-origin.ts';
import { writeScores } from './scores-file.ts';
import { encodeSelection } from './selection-file.ts';

/** The files of a run directory; docs/run-directory.md describes each. */
export const runFiles = {
  /** Written last: a directory that has it holds a finished run. */
  report: 'run.json',
  metrics: 'metrics.jsonl',
  patch: 'patch.safetensors',
  selection: 'selection.safetensors',
  /** What the weights were judged by, where that was asked for. */
  scores: 'scores.safetensors',
  /** A directory: what a run that was interrupted goes on from. */
  checkpoint: 'checkpoint',
} as const;

/** A file that a run wrote, by its name in the run's directory. */
export interface WrittenFile {
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** What `run.json` holds: the report of the run, and where, when and by what it was made. */
export interface RunRecord extends RunReport {
  readonly format: 'gspf-run';
  readonly version: 1;
  /** ISO 8601, in UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** The words of the command line; empty where the library was called. */
  readonly command: readonly string[];
  readonly versions: Versions;
  readonly host: Host;
  readonly patch: WrittenFile;
  readonly selectionFile: WrittenFile;
  readonly model: RunReport['model'] & { readonly origin: RecordedOrigin | null };
}

/** Where a run is kept, and what becomes of a run that is there. */
export interface RunDirectoryOptions {
  /** Replaces a run, finished or interrupted. */
  readonly overwrite?: boolean | undefined;
  /** Leaves the metrics and the checkpoints of an interrupted run. */
  readonly resume?: boolean | undefined;
  /** The words of the command line that makes the run. */
  readonly command?: readonly string[] | undefined;
  /** The clock. */
  readonly now?: (() => Date) | undefined;
}

/**
 * Makes a directory ready for a run: metrics can be written at once, the files of an earlier run are gone, and no
 * other run can open it until it is closed.
 *
 * @throws `input/exists` for a directory with a finished run, unless `overwrite` is set, for one with an interrupted run,
 *   unless `resume` is, and for a path that is a file; `input/locked` for one that another run writes to; `output/failed`
 *   where nothing can be written.
 */
export async function openRunDirectory(
  path: string,
  { overwrite = false, resume = false, command = [], now = () => new Date() }: RunDirectoryOptions = {},
): Promise<RunDirectory> {
  if ((await exists(path)) && !(await isDirectory(path))) {
    throw new GspfError('input/exists', {
      subject: path,
      expected: 'a directory to write in',
      got: 'a file',
    });
  }
  if (!overwrite && (await isFinished(path))) {
    throw new GspfError('input/exists', {
      subject: path,
      expected: 'a new directory',
      got: 'one that holds a finished run',
      hint: 'Choose another directory, or replace the run with --overwrite.',
    });
  }
  const isNew = !(await exists(path));
  await makeDirectory(path);
  const lock = await lockFolder(path, now());
  if (!overwrite && !resume && (await exists(join(path, runFiles.checkpoint)))) {
    lock.release();
    throw new GspfError('input/exists', {
      subject: path,
      expected: 'a new directory',
      got: 'one that holds an interrupted run',
      hint: 'Go on with it by --resume, or begin anew with --overwrite.',
    });
  }
  // The report goes first: what is left of an interrupted removal is no finished run.
  const kept: readonly string[] = resume ? [runFiles.metrics, runFiles.checkpoint, runFiles.scores] : [];
  for (const file of Object.values(runFiles)) {
    if (!kept.includes(file)) await rm(join(path, file), { recursive: true, force: true });
  }
  return new RunDirectory(path, command, now, lock, isNew);
}

/** Whether a directory holds a finished run. */
export function isFinished(path: string): Promise<boolean> {
  return exists(join(path, runFiles.report));
}

/**
 * Compares the options of a finished run with those that it is asked to go on with.
 *
 * @throws `usage/option` for the first that differs.
 */
export async function requireSameOptions(path: string, options: ResolvedTrainOptions): Promise<void> {
  const report = join(path, runFiles.report);
  const { data } = z.looseObject({ options: z.looseObject({}) }).safeParse(await readJson(report));
  if (data !== undefined) requireSameRun({ options: data.options }, { options }, report);
}

/** A run directory being written: follows a run as its observer, then takes the result. */
export class RunDirectory implements Observer {
  readonly path: string;
  readonly #command: readonly string[];
  readonly #now: () => Date;
  readonly #startedAt: Date;
  readonly #lock: FolderLock;
  readonly #isNew: boolean;
  #metrics: number | undefined;
  #step = 0;

  constructor(path: string, command: readonly string[], now: () => Date, lock: FolderLock, isNew: boolean) {
    this.path = path;
    this.#command = command;
    this.#now = now;
    this.#startedAt = now();
    this.#lock = lock;
    this.#isNew = isNew;
  }

  /** The process that wrote here and is gone without a word; undefined where there was none. */
  get tookOver(): LockHolder | undefined {
    return this.#lock.tookOver;
  }

  /** The path of one of its files. */
  file(name: keyof typeof runFiles): string {
    return join(this.path, runFiles[name]);
  }

  /** Drops the metrics of steps after the checkpoint: they are run again. */
  readonly onResume = ({ step, evaluations }: CheckpointProgress): void => {
    const path = this.file('metrics');
    const epochs = new Set(evaluations.map(({ epoch }) => epoch));
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    const kept = lines.filter((line) => isBefore(line, step, epochs));
    writeFileSync(path, kept.map((line) => `${line}\n`).join(''));
    this.#metrics = openSync(path, 'a');
    this.#step = step;
  };

  /** Appends a line on a step to `metrics.jsonl`. */
  readonly onProgress = (progress: Progress): void => {
    const { step, epoch, phase, loss, lr, gradNorm, tokens, elapsedMs, rssBytes } = progress;
    this.#step = step;
    this.#append({ step, epoch, phase, loss, lr, gradNorm, tokens, elapsedMs: rounded(elapsedMs), rssBytes });
  };

  /** Appends a line on an evaluation to `metrics.jsonl`. */
  readonly onEvaluation = ({ epoch, metrics, elapsedMs }: Evaluation): void => {
    this.#append({ step: this.#step, epoch, metrics, elapsedMs: rounded(elapsedMs) });
  };

  /** Keeps what the first selection was made from. */
  readonly onScores = async (scores: ScoreTable): Promise<void> => {
    await writeScores(this.file('scores'), scores);
  };

  /** Writes what a finished run leaves; `run.json` last. */
  async finish({ patch, selection, report }: FineTuned): Promise<RunRecord> {
    this.#closeMetrics();
    const record: RunRecord = {
      format: 'gspf-run',
      version: 1,
      startedAt: this.#startedAt.toISOString(),
      finishedAt: this.#now().toISOString(),
      command: this.#command,
      versions: versions(),
      host: host(),
      patch: await this.#write(runFiles.patch, encodePatch(patch)),
      selectionFile: await this.#write(
        runFiles.selection,
        encodeSelection(selection, report.model.baseSha256),
      ),
      ...report,
      model: { ...report.model, origin: recordOrigin(report.model.origin, this.path) },
    };
    await writeTextAtomically(this.file('report'), `${JSON.stringify(record, null, 2)}\n`);
    await removeCheckpoints(this.file('checkpoint'));
    this.close();
    return record;
  }

  /**
   * Closes the metrics, and lets other runs have the directory: for a run that does not finish. A directory that was
   * made for it goes with it where the run has left nothing there.
   */
  close(): void {
    this.#closeMetrics();
    this.#lock.release();
    if (this.#isNew && readdirSync(this.path).length === 0) rmdirSync(this.path);
  }

  #closeMetrics(): void {
    if (this.#metrics !== undefined) closeSync(this.#metrics);
    this.#metrics = undefined;
  }

  /** Synchronous, so that a line is in the file when the next step begins, whatever becomes of the run. */
  #append(line: object): void {
    this.#metrics ??= openSync(this.file('metrics'), 'w');
    writeSync(this.#metrics, `${JSON.stringify(line)}\n`);
  }

  async #write(file: string, bytes: Uint8Array): Promise<WrittenFile> {
    await writeAtomically(join(this.path, file), [bytes]);
    const hash = createSha256();
    hash.update(bytes);
    return { file, sizeBytes: bytes.byteLength, sha256: hash.hex() };
  }
}

/** Milliseconds with three decimals: microseconds. */
function rounded(elapsedMs: number): number {
  return Math.round(elapsedMs * 1000) / 1000;
}

/** The patch's file behind a path: the path itself, or the patch of the run directory that it names. */
export async function patchFileOf(path: string): Promise<string> {
  return (await isDirectory(path)) ? join(path, runFiles.patch) : path;
}

/** Whether a line of metrics is of a step that is done, or of an evaluation that was kept. */
function isBefore(line: string, step: number, evaluatedEpochs: ReadonlySet<number>): boolean {
  const parsed = metricsLine.safeParse(parseJson(line));
  if (!parsed.success) return false;
  const { metrics, epoch } = parsed.data;
  return metrics === undefined ? parsed.data.step <= step : evaluatedEpochs.has(epoch);
}

const metricsLine = z.object({ step: z.number(), epoch: z.number(), metrics: z.unknown().optional() });

/** The value of a line; undefined for one that was cut short. */
function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
