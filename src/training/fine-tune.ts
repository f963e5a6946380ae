import { choose, rollBack } from '../methods/gspf/choose.ts';
import { eligibleTensors } from '../methods/gspf/eligible.ts';
import { warmUp, warmupBatches } from '../methods/gspf/warmup.ts';
import { countAll, type Selection } from '../methods/selection.ts';
import type { TextModel } from '../models/text-model.ts';
import type { TrainOptions } from '../options/options.ts';
import { resolveOptions } from '../options/resolve.ts';
import { diffTensors } from '../patch/diff.ts';
import type { CreateSha256 } from '../patch/hash.ts';
import { patchFormat } from '../patch/metadata.ts';
import type { Patch } from '../patch/patch.ts';
import type { Environment } from '../runtime/environment.ts';
import type { Task, TextExample } from '../tasks/task.ts';
import { version } from '../version.ts';
import { proveFrozen } from './frozen.ts';
import type { Observer } from './observer.ts';
import { prepare } from './prepare.ts';
import { Run } from './run.ts';
import type { PhaseReport, RunReport, SelectionReport } from './run-report.ts';
import { countSteps, type TrainingSpan, trainSelection } from './train-selection.ts';

/** What a run leaves. */
export interface FineTuned {
  readonly patch: Patch;
  readonly selection: Selection;
  readonly report: RunReport;
}

/**
 * Fine-tunes a model on a task: GSPF's three phases, or every weight with `method: full`.
 *
 * The model itself stays as it is; what changed is in the patch.
 *
 * @throws `usage/option` for options that are wrong or do not fit the model, `input/data` for a task without
 *   examples, `training/diverged` for a loss that is no number, `usage/cancelled` where the observer stops the run.
 */
export async function fineTune(
  model: TextModel,
  task: Task,
  given: TrainOptions,
  environment: Environment,
  observer: Observer = {},
): Promise<FineTuned> {
  const { options, taken } = resolveOptions(given, { task: task.name });
  const { createSha256 } = environment;
  const clock = new PhaseClock(environment);
  const startedAt = environment.now();
  const prepared = await prepare(model, task, options, createSha256);
  const run = new Run(prepared, task, options, environment, observer, startedAt);
  for (const note of [...taken, ...task.notes, ...prepared.notes]) run.note(note);
  clock.end('prepare', 0, 0);

  const { selection, changed, report, span } =
    options.method === 'full' ? chooseAll(run) : await measureAndChoose(run, model, clock);
  await trainSelection(run, selection, span);
  await run.release();
  clock.end('train', span.to - span.from + 1, countSteps(span, run.stepsPerEpoch), run.evaluationMs);

  const initial = await prepared.readInitial();
  const frozen = proveFrozen(initial, prepared.weights, changed, createSha256);
  const sizes = run.sizes([...prepared.weights.keys()]);
  const parameters = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const active = countAll(selection, sizes);
  const cumulative = countAll(changed, sizes);
  const base = new Map([...initial].filter(([name]) => !prepared.fresh.has(name)));
  const patch = diffTensors(base, prepared.weights, {
    ...patchFormat,
    baseSha256: prepared.baseSha256,
    baseName: model.name,
    method: options.method,
    task: task.name,
    id2label: task.labels,
    selected: active,
    ratio: active / parameters,
    createdBy: `gspf ${version}`,
    extra: { max_length: `${prepared.maxLength}` },
  });
  clock.end('finish', 0, 0);
  return {
    patch,
    selection,
    report: {
      options,
      model: { name: model.name, baseSha256: prepared.baseSha256, parameters },
      task: describeTask(task, prepared.maxLength, createSha256),
      runtime: environment.backend.name,
      dropout: 'off',
      phases: clock.phases,
      selection: report,
      evaluations: run.evaluations,
      metrics: run.evaluations.at(-1)?.metrics ?? {},
      primaryMetric: task.primaryMetric,
      active,
      cumulative,
      activeShare: active / parameters,
      cumulativeShare: cumulative / parameters,
      frozen,
      notes: run.notes,
      elapsedMs: run.elapsedMs(),
      peakRssBytes: environment.memory().peakRssBytes,
    },
  };
}

/** The weights to train, those that differ from θ⁰ at the end, and the batches to train on. */
interface Plan {
  readonly selection: Selection;
  readonly changed: Selection;
  readonly report: SelectionReport | null;
  readonly span: TrainingSpan;
}

function chooseAll(run: Run): Plan {
  const selection: Selection = new Map([...run.prepared.weights.keys()].map((name) => [name, 'all']));
  const span = { from: 1, to: run.options.epochs, skip: 0 };
  run.steps = countSteps(span, run.stepsPerEpoch);
  return { selection, changed: selection, report: null, span };
}

/** GSPF's phases 1 and 2. */
async function measureAndChoose(run: Run, model: TextModel, clock: PhaseClock): Promise<Plan> {
  const { options, prepared } = run;
  const { warmup } = options;
  const names = [...prepared.weights.keys()];
  const eligible = eligibleTensors(names, prepared.head, options.select, model.encoder.zeroGradient);
  const span = spanAfterWarmup(run);
  run.steps = warmupBatches(run) + countSteps(span, run.stepsPerEpoch);
  const { statistics, batches } = await warmUp(run, eligible);
  clock.end('warmup', warmup.epochs, batches);

  const initial = await prepared.readInitial();
  const { selection, ...chosen } = choose(run, eligible, statistics, initial);
  if (chosen.head > chosen.k) {
    run.note(
      `The head has ${chosen.head} weights, more than the budget of ${chosen.k}: it is trained whole, and no other weight is. Raise select.ratio, or set select.headInBudget=false.`,
    );
  }
  if (warmup.commit === 'rollback') rollBack(prepared.weights, initial, selection);
  clock.end('select', 0, 0);
  const moved = warmup.commit === 'keep' && warmup.update === 'sgd';
  const changed: Selection = moved ? new Map(eligible.map((name) => [name, 'all'])) : selection;
  return { selection, changed, report: { ...chosen, batches }, span };
}

/** Training starts with the epoch after the warm-up's, or with the batch after its last. */
function spanAfterWarmup(run: Run): TrainingSpan {
  const { epochs, warmup } = run.options;
  if (warmup.rest === 'skip') return { from: warmup.epochs + 1, to: epochs, skip: 0 };
  const measured = warmupBatches(run);
  const from = 1 + Math.floor(measured / run.stepsPerEpoch);
  return { from, to: epochs, skip: measured % run.stepsPerEpoch };
}

function describeTask(task: Task, maxLength: number, createSha256: CreateSha256): RunReport['task'] {
  return {
    name: task.name,
    labels: task.labels,
    trainExamples: task.train.length,
    evaluationExamples: task.evaluation.length,
    trainSha256: hashExamples(task.train, createSha256),
    evaluationSha256: hashExamples(task.evaluation, createSha256),
    maxLength,
  };
}

/** SHA-256 over the JSON of each example, in order. */
function hashExamples(examples: readonly TextExample[], createSha256: CreateSha256): string {
  const hash = createSha256();
  const utf8 = new TextEncoder();
  for (const { text, textPair, label } of examples) {
    hash.update(utf8.encode(`${JSON.stringify([text, textPair ?? null, label])}\n`));
  }
  return hash.hex();
}

/** Times the phases one after another. */
class PhaseClock {
  readonly phases: PhaseReport[] = [];
  readonly #environment: Environment;
  #since: number;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#since = environment.now();
  }

  end(phase: PhaseReport['phase'], epochs: number, steps: number, evaluationMs = 0): void {
    const now = this.#environment.now();
    const { peakRssBytes } = this.#environment.memory();
    this.phases.push({ phase, epochs, steps, elapsedMs: now - this.#since, evaluationMs, peakRssBytes });
    this.#since = now;
  }
}
