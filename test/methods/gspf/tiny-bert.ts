import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { WeightArray } from '../../../src/methods/selection.ts';
import type { Granularity } from '../../../src/options/options.ts';
import { decodeSafetensors } from '../../../src/safetensors/decode.ts';
import type { Tensor } from '../../../src/tensor.ts';
import { sharedPath } from '../../data/shared-files.ts';

const moments = z.object({ mean: z.number(), deviation: z.number() });
const granularities = z.custom<Granularity>((value) => typeof value === 'string');
const caseSchema = z.object({
  case: z.string(),
  dtype: z.enum(['float32', 'float64']),
  options: z.object({
    seed: z.number(),
    lr: z.number(),
    schedule: z.object({ kind: z.enum(['linear', 'cosine', 'constant']), warmupRatio: z.number() }),
    warmup: z.object({ update: z.enum(['sgd', 'none']) }),
    score: z.object({
      kind: z.enum([
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
      ]),
      normalize: z.enum(['global', 'tensor', 'none']),
      negative: z.enum(['literal', 'clamp']),
      magnitude: z.enum(['tanh', 'none', 'inverse']),
      reference: z.enum(['current', 'pretrained']),
    }),
    select: z.object({
      ratio: z.number(),
      include: z.array(z.string()),
      exclude: z.array(z.string()),
      head: z.enum(['always', 'compete']),
      headInBudget: z.boolean(),
      scope: z.enum(['global', 'tensor', 'layer']),
      granularity: granularities,
    }),
  }),
  head: z.array(z.string()),
  tensors: z.record(z.string(), z.array(z.number())),
  normalization: z.union([moments, z.record(z.string(), moments)]).nullable(),
  selections: z.array(
    z.object({
      eligible: z.number(),
      k: z.number(),
      head: z.number(),
      bodyBudget: z.number(),
      selected: z.number(),
      entered: z.number(),
      units: z.record(
        z.string(),
        z.object({
          budget: z.number(),
          taken: z.number(),
          threshold: z.number().nullable(),
          next: z.number().nullable(),
        }),
      ),
      perTensor: z.record(z.string(), z.number()),
    }),
  ),
  phase3: z.object({ steps: z.number(), lr: z.array(z.number()), gradNorm: z.array(z.number()) }),
  final: z.object({ cumulative: z.number() }),
  statisticsIn: z.string(),
  scoresIn: z.string(),
});

export type OracleCase = z.infer<typeof caseSchema>;

/** A safetensors file of the oracle, by keys such as `S/bert.pooler.dense.weight`. */
export interface OracleFile {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** The float tensors under a prefix, by what follows it and a slash; empty if there are none. */
  floats(prefix: string): ReadonlyMap<string, WeightArray>;
  /** The same for int32 tensors. */
  indices(prefix: string): ReadonlyMap<string, Int32Array>;
}

/** The numbers of the Python reference for a tiny BERT. */
export interface TinyBert {
  readonly cases: readonly OracleCase[];
  /** θ⁰ of every tensor, as float64. */
  readonly pretrained: ReadonlyMap<string, Float64Array>;
  runFile(name: string): OracleFile;
}

/** The oracle beside the repository, or undefined, with the reason printed, where it is absent. */
export function tinyBert(): TinyBert | undefined {
  const folder = sharedPath('reference/fixtures/tiny-bert');
  if (folder === undefined) return undefined;
  const names = z
    .array(z.object({ case: z.string() }))
    .parse(JSON.parse(readFileSync(`${folder}/cases.json`, 'utf8')));
  const model = readTensors(`${folder}/model.safetensors`);
  const files = new Map<string, OracleFile>();
  return {
    cases: names.map(({ case: name }) =>
      caseSchema.parse(JSON.parse(readFileSync(`${folder}/runs/${name}.json`, 'utf8'))),
    ),
    pretrained: new Map(
      [...model.tensors].map(([name, { data }]) => [name, Float64Array.from(data, Number)]),
    ),
    runFile(name) {
      const file = files.get(name) ?? readTensors(`${folder}/runs/${name}.safetensors`);
      files.set(name, file);
      return file;
    },
  };
}

function readTensors(path: string): OracleFile {
  const { tensors } = decodeSafetensors(readFileSync(path), path);
  const under = (prefix: string): [string, Tensor][] =>
    [...tensors]
      .filter(([key]) => key.startsWith(`${prefix}/`))
      .map(([key, tensor]) => [key.slice(prefix.length + 1), tensor]);
  return {
    tensors,
    floats: (prefix) =>
      new Map(
        under(prefix).flatMap(([name, { data }]) =>
          data instanceof Float32Array || data instanceof Float64Array ? [[name, data]] : [],
        ),
      ),
    indices: (prefix) =>
      new Map(
        under(prefix).flatMap(([name, { data }]) => (data instanceof Int32Array ? [[name, data]] : [])),
      ),
  };
}
