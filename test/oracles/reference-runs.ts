import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { textEncoder } from '../../src/models/architecture.ts';
import { matchCheckpoint, onlyOf } from '../../src/models/checkpoint.ts';
import { widenAll } from '../../src/models/half-precision.ts';
import { classifierParameters } from '../../src/models/sequence-classification.ts';
import { sequenceNetwork } from '../../src/objectives/network.ts';
import { textClassificationObjective } from '../../src/objectives/text-classification.ts';
import { textAt } from '../../src/objectives/text-feeds.ts';
import type { ResolvedTrainOptions } from '../../src/options/options.ts';
import { trainOptionsSchema } from '../../src/options/schema.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { classificationMetrics } from '../../src/tasks/labels.ts';
import type { TextClassificationTask } from '../../src/tasks/task.ts';
import { float32, type Tensor } from '../../src/tensor.ts';
import type { Prepared } from '../../src/training/prepare.ts';

const runSchema = z.object({
  case: z.string(),
  dtype: z.enum(['float32', 'float64']),
  options: z.unknown(),
  head: z.array(z.string()),
  warmup: z.object({ batches: z.number(), loss: z.array(z.number()) }),
  normalization: z.unknown(),
  selections: z.array(
    z.object({
      afterEpoch: z.number(),
      eligible: z.number(),
      k: z.number(),
      head: z.number(),
      bodyBudget: z.number(),
      selected: z.number(),
      entered: z.number(),
      statisticsBatches: z.number(),
      perTensor: z.record(z.string(), z.number()),
    }),
  ),
  phase3: z.object({
    steps: z.number(),
    lr: z.array(z.number()),
    gradNorm: z.array(z.number()),
    loss: z.array(z.number()),
  }),
  final: z.object({
    parameters: z.number(),
    active: z.number(),
    cumulative: z.number(),
    changed: z.number(),
    frozen: z.number(),
    frozenSha256: z.string().nullable(),
  }),
  statisticsIn: z.string(),
  /** How far a float32 run of the reference is from this one; a float32 run does not say. */
  float32: z
    .object({ lossMaxAbs: z.number(), gradientNormMaxAbs: z.number(), finalMaxAbs: z.number() })
    .default({ lossMaxAbs: 0, gradientNormMaxAbs: 0, finalMaxAbs: 0 }),
});

const batchesSchema = z.object({
  examples: z.array(
    z.object({ input_ids: z.array(z.number()), token_type_ids: z.array(z.number()), label: z.number() }),
  ),
  epochs: z.array(z.array(z.array(z.number()))),
});

/** One run of the reference implementation. */
export interface ReferenceRun extends z.infer<typeof runSchema> {
  readonly name: string;
  readonly options: ResolvedTrainOptions;
  /** What it stored, by keys such as `selected/bert.pooler.dense.weight`. */
  tensors(file?: string): ReadonlyMap<string, Tensor>;
  /** A fresh model and the run's batches, as training takes them. */
  prepare(): Prepared;
}

/** Where the reference's fixtures lie: `GSPF_REFERENCE_DIR`, or beside the repository. */
const root =
  process.env['GSPF_REFERENCE_DIR'] ?? fileURLToPath(new URL('../../../shared/reference', import.meta.url));

/** Every case of every folder that holds a `cases.json`; none, with the reason printed, where there is no folder. */
export function referenceRuns(): readonly ReferenceRun[] {
  if (!existsSync(root)) {
    console.warn(`skipped: ${root} is missing`);
    return [];
  }
  const found = readdirSync(root, { recursive: true, encoding: 'utf8' });
  const folders = found
    .filter((path) => path.endsWith('cases.json'))
    .map((path) => dirname(join(root, path)));
  return folders.flatMap((folder) => {
    const cases = z.array(z.object({ case: z.string() })).parse(readJson(join(folder, 'cases.json')));
    return cases.map(({ case: name }) => referenceRun(folder, name));
  });
}

function referenceRun(folder: string, name: string): ReferenceRun {
  const run = runSchema.parse(readJson(join(folder, 'runs', `${name}.json`)));
  const options = trainOptionsSchema.parse(run.options);
  return {
    ...run,
    name,
    options,
    tensors: (file = name) => readTensors(join(folder, 'runs', `${file}.safetensors`)),
    prepare: () => prepare(folder, run.head),
  };
}

function prepare(folder: string, head: readonly string[]): Prepared {
  const config = readJson(join(folder, 'config.json'));
  const encoder = textEncoder(config, folder);
  const file = readTensors(join(folder, 'model.safetensors'));
  const labels = file.get('classifier.bias')?.shape[0] ?? 0;
  const read = (): Map<string, Tensor<'float32'>> => {
    const { tensors } = matchCheckpoint(classifierParameters(encoder, labels), file, {
      source: folder,
      prefix: encoder.prefix,
      optional: () => false,
    });
    return new Map(
      [...widenAll(tensors)].map(([name, { shape, data }]) => [name, float32(shape, data.slice())]),
    );
  };
  const { examples, epochs } = batchesSchema.parse(readJson(join(folder, 'batches.json')));
  const texts = examples.map(({ input_ids: ids, token_type_ids: typeIds }) => ({
    ids,
    typeIds,
    truncated: false,
  }));
  const names = Array.from({ length: labels }, (_, label) => `${label}`);
  // The text of an example is its number.
  const numbered = examples.map(({ label }, row) => ({ text: `${row}`, label }));
  const task: TextClassificationTask = {
    kind: 'text-classification',
    name: 'reference',
    labels: names,
    train: numbered,
    evaluation: numbered,
    notes: [],
    ...classificationMetrics(names),
  };
  const objective = textClassificationObjective(
    task,
    sequenceNetwork(encoder, labels),
    ({ text }) => textAt(texts, Number(text)),
    'none',
  );
  return {
    objective,
    withLoss: objective.withLoss(),
    dropoutSites: [],
    padTokenId: encoder.padTokenId,
    weights: read(),
    statistics: new Map(),
    storedAs: new Map(),
    head,
    fresh: new Set(),
    readInitial: async (names) => onlyOf(read(), names),
    baseSha256: '',
    batches: (epoch) =>
      (epochs[epoch - 1] ?? []).map((rows) => ({
        rows: Int32Array.from(rows),
        length: Math.max(...rows.map((row) => texts[row]?.ids.length ?? 0)),
      })),
    maxLength: encoder.maxPositions,
    notes: [],
  };
}

function readTensors(path: string): ReadonlyMap<string, Tensor> {
  return decodeSafetensors(readFileSync(path), path).tensors;
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
