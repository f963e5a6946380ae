import { fmix32 } from '../../data/fmix32.ts';
import { GspfError } from '../../errors.ts';
import type { ScoreOptions } from '../../options/options.ts';
import type { Sizes, WeightArray } from '../selection.ts';
import { tensorOrder } from './eligible.ts';
import type { Measure, Moments, Statistics } from './statistics.ts';
import { measuredBatches, momentsOf } from './statistics.ts';

/**
 * Fills `out` with the scores of a tensor's weights from flat index `start` on; the higher, the more important.
 *
 * Scores are float64 and made piece by piece, so that those of a large model are never all in memory.
 *
 * @param least What scores less may come as any number below it; −∞ where absent.
 */
export type Scorer = (tensor: string, start: number, out: Float64Array, least?: number) => void;

/** The score of one weight from the mean of its measure over the batches, and its value θ. */
type WeightScore = (mean: number, theta: number, position: number) => number;

/** What a score kind may know beside the weight itself. */
interface ScoreContext {
  readonly options: ScoreOptions;
  /** μ and σ of the weight's scope. */
  readonly moments: Moments;
  /** Seed and number of the selection, hashed to 32 bits. */
  readonly key: number;
}

interface ScoreKind {
  /** What has to be measured over the batches; null for nothing. */
  readonly measure: Measure | null;
  readonly score: (context: ScoreContext) => WeightScore;
  /** A number such that weights of (S − μ) · |θ| below it score less than `least`, whatever else; none where −∞. */
  readonly bar?: (context: ScoreContext, least: number) => number;
}

/** Added where a score divides by |θ| or tanh|θ|. */
const EPSILON = 1e-6;

const magnitudes = {
  tanh: (theta) => Math.tanh(Math.abs(theta)),
  none: () => 1,
  inverse: (theta) => 1 / (Math.tanh(Math.abs(theta)) + EPSILON),
} as const satisfies Record<ScoreOptions['magnitude'], (theta: number) => number>;

/** Every score: S = Σ|g|/T, F = Σg²/T, G = Σg/T and h = ΣHg/T are means over the measured batches. */
export const scoreKinds: Readonly<Record<ScoreOptions['kind'], ScoreKind>> = {
  // S̃ = z · tanh|θ|, z = (S − μ)/σ
  gspf: {
    measure: 'absolute',
    score: ({ options, moments: { mean, deviation } }) => {
      const magnitude = magnitudes[options.magnitude];
      const floor = options.negative === 'clamp' ? 0 : -Infinity;
      return (S, theta) => {
        const z = deviation === 0 ? 0 : (S - mean) / deviation;
        return Math.max(z, floor) * magnitude(theta);
      };
    },
    // tanh x ≤ x, but for rounding: what is too low by far needs no tanh, which takes most of the time.
    bar: ({ options, moments: { deviation } }, least) =>
      options.magnitude === 'tanh' && least > 0 ? 0.999 * least * deviation : -Infinity,
  },
  gradient: { measure: 'absolute', score: () => (S) => S },
  // The empirical Fisher information, from gradients of batches.
  fisher: { measure: 'square', score: () => (F) => F },
  // SNIP (Lee et al. 2019) on the union of the batches: signs cancel before the absolute value.
  snip: { measure: 'signed', score: () => (G, theta) => Math.abs(G * theta) },
  // GraSP (Wang et al. 2020) removes where −θ·Hg is large, so its negative is importance.
  grasp: { measure: 'hessian', score: () => (h, theta) => theta * h },
  // Molchanov et al. 2019, averaged over batches.
  taylor: { measure: 'square', score: () => (F, theta) => F * theta * theta },
  magnitude: { measure: null, score: () => (_, theta) => Math.abs(theta) },
  relative: { measure: 'absolute', score: () => (S, theta) => S / (Math.abs(theta) + EPSILON) },
  // Sanh et al. 2020: positive where descent grows the weight.
  movement: { measure: 'signed', score: () => (G, theta) => -(G * theta) },
  // A bijection of the position: no two weights of a model below 2³² weights score alike.
  random: {
    measure: null,
    score:
      ({ key }) =>
      (_mean, _theta, position) =>
        fmix32(key + Math.imul(position, 0x9e3779b9)) / 2 ** 32,
  },
};

/** What scores are made from. Nothing is copied. */
export interface ScoreInputs {
  /** Sums over the eligible tensors of the kind's measure; null for a kind without. */
  readonly statistics: Statistics | null;
  readonly current: ReadonlyMap<string, WeightArray>;
  readonly pretrained: ReadonlyMap<string, WeightArray>;
  /** Every weight tensor of the model, eligible or not; places the weights of the kind `random`. */
  readonly sizes: Sizes;
  readonly seed: number;
  /** 0 for the first selection, then 1, 2, … for each refinement. */
  readonly round: number;
}

/** The scores, and the μ and σ behind them: per tensor under `normalize: tensor`, null where none are used. */
export interface Scores {
  readonly scorer: Scorer;
  readonly normalization: Moments | Readonly<Record<string, Moments>> | null;
}

/**
 * The scores of the eligible weights.
 *
 * @throws `training/diverged` for gradients that are not finite, `usage/option` for missing statistics or
 * weights (on use, for a tensor that is not among them).
 */
export function createScores(options: ScoreOptions, inputs: ScoreInputs): Scores {
  const kind: ScoreKind = scoreKinds[options.kind];
  const { statistics } = inputs;
  if (kind.measure !== null && statistics?.measure !== kind.measure) {
    throw new GspfError('usage/option', {
      subject: `score kind ${options.kind}`,
      expected: `statistics of the measure ${kind.measure}`,
      got: statistics?.measure ?? 'none',
    });
  }
  const normalization = options.kind === 'gspf' ? normalize(options, statistics) : null;
  const key = fmix32(inputs.seed + inputs.round);
  const theta = inputs[options.reference];
  const offsets = positions(inputs.sizes);

  const scorer: Scorer = (tensor, start, out, least = -Infinity) => {
    const weights = found(theta, tensor, `${options.reference} weights`);
    const offset = found(offsets, tensor, 'size') + start;
    const moments = normalization?.of(tensor) ?? IDENTITY;
    const context = { options, moments, key };
    const score = kind.score(context);
    if (kind.measure === null || statistics === null) {
      for (let i = 0; i < out.length; i++) out[i] = score(0, weights[start + i] ?? 0, offset + i);
      return;
    }
    const running = found(statistics.tensors, tensor, 'statistics');
    const batches = measuredBatches(tensor, running);
    const { sum } = running;
    const bar = kind.bar?.(context, least) ?? -Infinity;
    const { mean } = moments;
    const share = 1 / batches;
    for (let i = 0; i < out.length; i++) {
      const total = sum[start + i] ?? 0;
      const theta = weights[start + i] ?? 0;
      const isLow = (total * share - mean) * Math.abs(theta) < bar;
      out[i] = isLow ? 0 : score(total / batches, theta, offset + i);
    }
  };
  return { scorer, normalization: normalization?.report ?? null };
}

/** z = S. */
const IDENTITY: Moments = { mean: 0, deviation: 1 };

interface Normalization {
  readonly of: (tensor: string) => Moments | undefined;
  readonly report: Scores['normalization'];
}

function normalize({ normalize }: ScoreOptions, statistics: Statistics | null): Normalization | null {
  if (normalize === 'none' || statistics === null) return null;
  if (normalize === 'global') {
    const together = momentsOf(statistics.tensors);
    return { of: () => together, report: together };
  }
  const each = new Map<string, Moments>();
  for (const [name, sum] of statistics.tensors) each.set(name, momentsOf(new Map([[name, sum]])));
  return { of: (tensor) => each.get(tensor), report: Object.fromEntries(each) };
}

/** The number of each tensor's first weight among all weights of the model, in tensor order. */
function positions(sizes: Sizes): ReadonlyMap<string, number> {
  const offsets = new Map<string, number>();
  let position = 0;
  for (const name of [...sizes.keys()].sort(tensorOrder)) {
    offsets.set(name, position);
    position += sizes.get(name) ?? 0;
  }
  return offsets;
}

function found<V>(map: ReadonlyMap<string, V>, tensor: string, what: string): V {
  const value = map.get(tensor);
  if (value !== undefined) return value;
  throw new GspfError('usage/option', { subject: `"${tensor}"`, expected: what, got: 'none' });
}
