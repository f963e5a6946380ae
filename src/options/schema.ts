import { z } from 'zod';
import { type SparseCosts, typicalCosts } from '../lowering/sparse-costs.ts';
import { contradictions } from './contradictions.ts';
import { lossNames } from './loss-names.ts';
import type {
  AdamWOptions,
  BatchNormOptions,
  CheckpointOptions,
  Granularity,
  GraphOptions,
  PrefixOptions,
  RefineOptions,
  ResolvedTrainOptions,
  ScheduleOptions,
  ScoreOptions,
  SelectOptions,
  WarmupOptions,
} from './options.ts';

// Each section has exactly the fields of its interface. `describe` says what an option does, `expected` which
// values it takes: messages, help and docs/options.md are made of these two. Enumerations list their own values.
type Fields<T> = { readonly [K in keyof T]: z.ZodType<T[K]> };

const count = z.int().min(0).meta({ expected: 'a whole number of at least 0' });
const positiveCount = z.int().min(1).meta({ expected: 'a whole number of at least 1' });
const positiveCountOrNull = positiveCount
  .nullable()
  .meta({ expected: 'a whole number of at least 1, or null' });
const positive = z.number().positive().meta({ expected: 'a number above 0' });
const positiveOrNull = positive.nullable().meta({ expected: 'a number above 0, or null' });
const nonNegative = z.number().min(0).meta({ expected: 'a number of at least 0' });
const fraction = z.number().min(0).max(1).meta({ expected: 'a number from 0 to 1' });
const fractionOrNull = fraction.nullable().meta({ expected: 'a number from 0 to 1, or null' });
const decayRate = z.number().min(0).lt(1).meta({ expected: 'a number of at least 0 and below 1' });
const flag = z.boolean().meta({ expected: 'true or false' });
const globs = z.array(z.string().min(1)).meta({ expected: 'a list of globs over tensor names' });

/** The number behind `0.3%`, shifted as decimal text: 0.7 / 100 is not the double 0.007. */
function withoutPercent(value: number | string): number {
  if (typeof value === 'number') return value;
  const [, percentage] = /^\s*(\d+\.?\d*|\.\d+)\s*%\s*$/.exec(value) ?? [];
  return percentage === undefined ? Number.NaN : Number(`${percentage}e-2`);
}

const ratio = z
  .union([z.number(), z.string()])
  .transform(withoutPercent)
  .pipe(z.number().gt(0).max(1))
  .meta({ expected: 'a fraction above 0 and at most 1, or a percentage such as 0.3%' });

const granularity = z
  .custom<Granularity>(
    (value) => typeof value === 'string' && /^(element|row|column|block:[1-9]\d*x[1-9]\d*)$/.test(value),
  )
  .meta({ expected: 'element, row, column or block:RxC (rows × columns, as in block:4x4)' });

const schedule = z
  .strictObject({
    kind: z
      .enum(['linear', 'cosine', 'constant'])
      .default('linear')
      .describe('How the learning rate falls once it has risen.'),
    warmupRatio: fraction
      .default(0.06)
      .describe('Share of the fine-tuning steps over which the learning rate rises from 0.'),
  } satisfies Fields<ScheduleOptions>)
  .prefault({})
  .describe('The learning rate over the steps of fine-tuning.');

const adamw = z
  .strictObject({
    beta1: decayRate.default(0.9).describe('Decay of the first moment.'),
    beta2: decayRate.default(0.999).describe('Decay of the second moment.'),
    epsilon: positive.default(1e-8).describe('Added to the root of the second moment.'),
    weightDecay: nonNegative
      .default(0.01)
      .describe('Decoupled decay of the trained weights; none on biases and normalisation gains.'),
  } satisfies Fields<AdamWOptions>)
  .prefault({})
  .describe('The optimiser of fine-tuning.');

const warmup = z
  .strictObject({
    epochs: positiveCount.default(1).describe('Epochs that measure gradients; part of `epochs`.'),
    maxBatches: positiveCountOrNull.default(null).describe('Ends the warm-up after so many batches.'),
    update: z
      .enum(['sgd', 'none'])
      .default('sgd')
      .describe(
        "Whether plain SGD moves the weights meanwhile (the paper's formula) or only gradients are taken.",
      ),
    lr: positiveOrNull.default(null).describe('Rate of that SGD; null: the same as `lr`.'),
    commit: z
      .enum(['rollback', 'keep'])
      .default('rollback')
      .describe(
        "What happens to moved weights that are not selected: back to their pretrained values, or kept (the paper's letter; the result is then no sparse patch).",
      ),
    stopWhenStable: fractionOrNull
      .default(null)
      .describe(
        'Ends the warm-up when the weights that would be selected are the same, to this share, as at the last check (Jaccard index); null: never.',
      ),
    narrow: decayRate
      .nullable()
      .meta({ expected: 'a number of at least 0 and below 1, or null' })
      .default(null)
      .describe(
        'Stops measuring the lowest layers when together they hold no more than this share of the budget among the best of twice the budget: what they were measured at counts; null: never.',
      ),
    checkEvery: positiveCount
      .default(20)
      .describe('Batches between the checks of `stopWhenStable` and `narrow`.'),
    rest: z
      .enum(['skip', 'train'])
      .nullable()
      .meta({ expected: '"skip", "train" or null' })
      .default(null)
      .describe(
        'What becomes of the batches that the warm-up leaves of its epochs: left out, or trained on with the selected weights; null: left out, but trained on with `stopWhenStable`.',
      ),
    slices: positiveCount
      .default(1)
      .describe('Measures one of so many parts of the tensors at a time, in turn, with as much less memory.'),
  } satisfies Fields<WarmupOptions>)
  .prefault({})
  .describe('Phase 1, `gspf` only: measures how sensitive the loss is to each weight.');

const score = z
  .strictObject({
    kind: z
      .enum([
        'gspf',
        'gradient',
        'fisher',
        'snip',
        'grasp',
        'taylor',
        'magnitude',
        'relative',
        'movement',
        'random',
      ])
      .default('gspf')
      .describe(
        'Importance of a weight, by its gradients g and value θ: z·tanh|θ| (`gspf`), mean |g| (`gradient`), mean g² (`fisher`), |mean g · θ| (`snip`), θ · mean Hg (`grasp`), θ² · mean g² (`taylor`), |θ| (`magnitude`), mean |g| / |θ| (`relative`), −mean g · θ (`movement`).',
      ),
    normalize: z
      .enum(['global', 'tensor', 'none'])
      .default('global')
      .describe('Over which weights sensitivities get mean 0 and deviation 1 (kind `gspf` only).'),
    negative: z
      .enum(['literal', 'clamp'])
      .default('literal')
      .describe('Below-mean sensitivities stay negative or become 0 (kind `gspf` only).'),
    magnitude: z
      .enum(['tanh', 'none', 'inverse'])
      .default('tanh')
      .describe('Factor that favours large weights, none of them, or small ones (kind `gspf` only).'),
    reference: z
      .enum(['current', 'pretrained'])
      .default('current')
      .describe(
        'Which values of the weights enter the score: those at the end of the warm-up or the pretrained.',
      ),
  } satisfies Fields<ScoreOptions>)
  .prefault({})
  .describe('Phase 2, `gspf` only: scores every eligible weight.');

const select = z
  .strictObject({
    ratio: ratio.default(0.003).describe('Share of the eligible weights to train.'),
    include: globs.default([]).describe('Tensors whose weights are eligible; none listed: all.'),
    exclude: z
      .union([z.literal('auto'), globs])
      .meta({ expected: '"auto" or a list of globs over tensor names' })
      .default('auto')
      .describe('Tensors to leave alone; `auto`: those whose gradient is zero by construction.'),
    head: z
      .enum(['always', 'compete'])
      .default('always')
      .describe('Whether a new head is trained whole or has to compete with all other weights.'),
    headInBudget: flag
      .default(true)
      .describe('Whether a head that is trained whole uses up the budget before other weights do.'),
    scope: z
      .enum(['global', 'tensor', 'layer'])
      .default('global')
      .describe('Within what weights compete; each tensor or layer then has its share of the budget.'),
    granularity: granularity
      .default('element')
      .describe('What is selected whole; the score of a group is the mean of its weights.'),
    frontier: z
      .union([z.literal('none'), z.literal('auto'), z.number().min(0).multipleOf(0.5)])
      .meta({ expected: '"none", "auto" or the number of a layer, from 0, with .5 for its second half' })
      .default('none')
      .describe(
        'The lowest layer to select weights in: the backward pass ends there. 2.5 is the second half of layer 2, its feed-forward network in a transformer. Below a number nothing is measured; `auto` measures everything and takes the place with the most score mass for each operation of a step, by the best weights whatever their scope and granularity. The budget stays that of all eligible weights.',
      ),
    frontierMass: fraction
      .default(0.85)
      .describe('Least share of the score mass of the selection without a frontier that `auto` keeps.'),
  } satisfies Fields<SelectOptions>)
  .prefault({})
  .describe('Phase 2, `gspf` only: selects the weights to train.');

const refine = z
  .strictObject({
    every: count
      .default(0)
      .describe('Selects anew after every so many epochs, within the first 80 % of them; 0: never.'),
    alpha: fraction.default(0.5).describe('Weight of the previous scores in the new ones.'),
    source: z
      .enum(['probe', 'dense'])
      .default('probe')
      .describe(
        'Measures anew on a few batches at the boundary, or on every batch of fine-tuning (as slow as method `full`).',
      ),
    probeBatches: positiveCount.default(8).describe('Batches of such a probe.'),
    dropped: z
      .enum(['keep', 'revert'])
      .default('keep')
      .describe('A weight that is no longer selected keeps its value or returns to the pretrained one.'),
    enter: z.enum(['zero']).default('zero').describe('Optimiser state of a newly selected weight.'),
  } satisfies Fields<RefineOptions>)
  .prefault({})
  .describe('Phase 3, `gspf` only: selects anew while training.');

const prefix = z
  .strictObject({
    cache: z
      .enum(['auto', 'off', 'memory', 'disk'])
      .default('auto')
      .describe(
        'Where its outputs are kept for each text, so that they are computed once: in memory and beyond `cacheBytes` on disk (`auto`), in one of them, or nowhere.',
      ),
    cacheBytes: count
      .nullable()
      .meta({ expected: 'a whole number of at least 0, or null' })
      .default(null)
      .describe('Most bytes of them in memory; null: a quarter of what is free.'),
    dropout: z
      .enum(['on', 'off'])
      .nullable()
      .meta({ expected: '"on", "off" or null' })
      .default(null)
      .describe(
        'Whether values are dropped there; a cache needs them whole. null: only where `cache` is off; `on` turns the cache `auto` off.',
      ),
    precision: z
      .enum(['fp32', 'int8', 'int8-training'])
      .default('fp32')
      .describe(
        'What its matrix products are computed in. `int8` rounds its weights, output by output, and what they are multiplied with, token by token: faster where the processor has instructions for it, a little less exact; `gspf predict` and `eval` keep to it (`--prefix-precision`). `int8-training` does so in training steps alone: what is scored, and used later, is in float32.',
      ),
  } satisfies Fields<PrefixOptions>)
  .prefault({})
  .describe(
    'Phase 3, `gspf` only: the part of the model that no trained weight enters, and which gives the same for a text in every pass.',
  );

const sparseCosts = z
  .strictObject({
    operation: nonNegative
      .default(typicalCosts.operation)
      .describe('A floating-point operation of a matrix product.'),
    pick: nonNegative.default(typicalCosts.pick).describe('A number gathered out of a row.'),
    transpose: nonNegative
      .default(typicalCosts.transpose)
      .describe('A number of a matrix that is transposed.'),
    copy: nonNegative.default(typicalCosts.copy).describe('A number gathered as part of a whole row.'),
    multiply: nonNegative.default(typicalCosts.multiply).describe('A product of two numbers.'),
    reduce: nonNegative.default(typicalCosts.reduce).describe('A number added to a sum.'),
    node: nonNegative.default(typicalCosts.node).describe('A node of the graph by itself.'),
  } satisfies Fields<SparseCosts>)
  .prefault({})
  .describe(
    'Nanoseconds by which the way to the gradients of selected weights is chosen, matrix by matrix; `--cost-table FILE` reads them, `--cost-table auto` measures them once on a machine. They change rounding and time, nothing else.',
  );

const checkpoint = z
  .strictObject({
    everySeconds: nonNegative
      .default(30)
      .describe('Seconds between checkpoints; one is kept at the end of each epoch besides.'),
  } satisfies Fields<CheckpointOptions>)
  .prefault({})
  .describe('What a run keeps so that it can be resumed.');

const nameOrNull = z.string().min(1).nullable().meta({ expected: 'a name, or null' });

const graph = z
  .strictObject({
    output: nameOrNull
      .default(null)
      .describe('The output to train; null: the only one of floats, or the one called `logits`.'),
    headOn: nameOrNull
      .default(null)
      .describe(
        'The value of the graph that a new linear head of the right size is put on, as `last_hidden_state`; null: the head that the model has.',
      ),
    tie: flag
      .default(false)
      .describe(
        'Whether weights of equal values, straight or transposed, are trained as the one that they were.',
      ),
  } satisfies Fields<GraphOptions>)
  .prefault({})
  .describe('Models that are ONNX files: what of them is trained.');

const bn = z
  .strictObject({
    train: flag
      .default(false)
      .describe(
        'Whether training steps normalise by mean and variance of the batch and move the running statistics, which the patch then holds; otherwise those stay as they are, and normalise in training too.',
      ),
  } satisfies Fields<BatchNormOptions>)
  .prefault({})
  .describe('Batch normalisations of models that are ONNX files.');

const fields = z.strictObject({
  preset: z
    .enum(['tuned', 'paper'])
    .default('tuned')
    .describe("Values for what is not given: measured best, or the paper's Appendix A."),
  method: z
    .enum(['gspf', 'full'])
    .default('gspf')
    .describe('Trains the weights that GSPF selects, or all of them.'),
  seed: z
    .int()
    .min(0)
    .max(0xffffffff)
    .meta({ expected: 'a whole number from 0 to 4294967295' })
    .default(0)
    .describe('Seed of everything random.'),
  epochs: positiveCount.default(3).describe('Passes over the training data, the warm-up included.'),
  batchSize: positiveCount.default(32).describe('Examples in a training step.'),
  microBatch: positiveCountOrNull
    .default(null)
    .describe(
      'Examples computed at a time, of which a step adds up the gradients: less memory, the same result to rounding; null: all of them.',
    ),
  gradientBytes: positiveCountOrNull
    .default(2 ** 28)
    .describe(
      'Most bytes of the gradients of whole tensors in memory at once: they are summed (warm-up) or applied (`method: full`) in groups of so many, from the top of the model down, as backpropagation comes to them. null: all at once, as always with `microBatch`, with `score.kind: grasp`, and with `clipNorm` in `method: full`.',
    ),
  evalBatchSize: positiveCount.default(32).describe('Examples in a batch of evaluation.'),
  maxLength: z
    .union([z.literal('auto'), positiveCount])
    .meta({ expected: '"auto" or a whole number of at least 1' })
    .default('auto')
    .describe('Tokens after which an input is cut; `auto`: as many as the model can take.'),
  dropout: z
    .enum(['config', 'off'])
    .default('config')
    .describe("Whether training drops values as the model's config says, or none."),
  loss: z
    .enum(lossNames)
    .nullable()
    .meta({ expected: `${lossNames.map((name) => `"${name}"`).join(', ')} or null` })
    .default(null)
    .describe(
      "What outputs are compared with the targets by (docs/onnx.md); null: the task's own, for arrays and tables the one that goes with their shapes.",
    ),
  classWeights: z
    .union([z.enum(['none', 'balanced']), z.array(z.number().positive()).min(2)])
    .meta({ expected: '"none", "balanced" or a list of numbers above 0, one for each label' })
    .default('none')
    .describe(
      'Factors of the classes in the loss of a classification; `balanced`: the rarer a class, the larger, so that all weigh the same.',
    ),
  lr: positive.describe('Learning rate of fine-tuning.'),
  schedule,
  clipNorm: positiveOrNull
    .default(1)
    .describe('Largest norm of the gradients of all trained weights together; null: no clipping.'),
  forwardPrecision: z
    .enum(['fp32', 'int8'])
    .default('fp32')
    .describe(
      'What layer-normalised values are multiplied with frozen weights in, on the way to the loss, while selected weights are trained. `int8` rounds both, as `prefix.precision` does below the trained weights; trained weights, everything else and scores stay in float32.',
    ),
  gradientPrecision: z
    .enum(['fp32', 'int8'])
    .default('fp32')
    .describe(
      'What gradients are multiplied with frozen weights in while selected weights are trained. `int8` rounds those weights and the gradients, as `prefix.precision` does below the trained weights; losses, scores and trained weights stay in float32.',
    ),
  emaDecay: decayRate
    .nullable()
    .meta({ expected: 'a number of at least 0 and below 1, or null' })
    .default(null)
    .describe(
      'Decay of a running average of the trained weights, which is scored and kept in their place; null: they are themselves.',
    ),
  adamw,
  warmup,
  score,
  select,
  refine,
  prefix,
  sparseCosts,
  checkpoint,
  graph,
  bn,
} satisfies Fields<ResolvedTrainOptions>);

/**
 * Any part of the tree, with defaults filled in except for `lr`, which the preset supplies.
 */
export const givenOptionsSchema: z.ZodType<Omit<ResolvedTrainOptions, 'lr'> & { lr?: number | undefined }> =
  fields.partial({ lr: true });

/**
 * The tree of training options, shared by library, YAML and command line: strict at every level, defaults
 * filled in, contradictions refused. `lr` has no default here: {@link resolveOptions} takes it from the preset.
 */
export const trainOptionsSchema: z.ZodType<ResolvedTrainOptions> = fields.superRefine((options, context) => {
  for (const { path, expected } of contradictions(options)) {
    context.addIssue({ code: 'custom', path: path.split('.'), params: { expected } });
  }
});
