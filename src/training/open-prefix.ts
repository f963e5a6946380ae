import { GspfError } from '../errors.ts';
import { EightBitProducts } from '../lowering/eight-bit-products.ts';
import type { DropoutSite } from '../models/dropout.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import { EightBitWeights } from '../quantize/eight-bit-weights.ts';
import type { Environment } from '../runtime/environment.ts';
import { Prefix, PrefixCut, withoutDropoutBelow } from './prefix.ts';
import { PrefixCache, type PrefixCacheReport } from './prefix-cache.ts';
import type { Prepared } from './prepare.ts';

/** Share of the free memory that the cache may take where nobody says how much. */
const SHARE_OF_FREE = 1 / 4;

/** What a run's prefix came to. */
export interface PrefixReport extends PrefixCacheReport {
  /** Numbers kept of each position, and of each text besides. */
  readonly perPosition: number;
  readonly perText: number;
  /** Texts that were computed, those again that were not kept. */
  readonly computed: number;
}

/** What is computed once, and what in 8 bits; undefined where nothing is. */
export interface Kept {
  readonly prefix: Prefix | undefined;
  readonly products: EightBitProducts | undefined;
}

/** How a graph of which only some tensors are trained is run: in training steps, and for scores. */
export type PrefixUse = Pick<Prepared, 'dropoutSites' | 'withLoss'> & Kept & { readonly scoring: Kept };

/** The prefixes of a use: one for each precision. */
function prefixesOf({ prefix, scoring }: Pick<PrefixUse, 'prefix' | 'scoring'>): readonly Prefix[] {
  return [...new Set([prefix, scoring.prefix])].filter((each) => each !== undefined);
}

/** What to tell of a prefix at the end of a run; null where there was none. */
export function prefixReport(use: Pick<PrefixUse, 'prefix' | 'scoring'>): PrefixReport | null {
  const prefixes = prefixesOf(use);
  const [first] = prefixes;
  if (first === undefined) return null;
  const { cut, cache } = first;
  const size = (perPosition: boolean): number =>
    cut.crossing
      .filter(({ layout }) => layout.perPosition === perPosition)
      .reduce((sum, { layout: { outer, inner } }) => sum + outer * inner, 0);
  const computed = prefixes.reduce((sum, each) => sum + each.computed, 0);
  return { perPosition: size(true), perText: size(false), computed, ...cache.report };
}

/**
 * Computes ahead what is kept of the texts to train on and of those to score.
 *
 * @param onText Called after each; what it throws ends the work.
 */
export async function fillPrefix(
  { prefix, scoring }: Pick<PrefixUse, 'prefix' | 'scoring'>,
  {
    train,
    evaluation,
  }: { readonly train: readonly EncodedText[]; readonly evaluation: readonly EncodedText[] },
  onText: () => void,
): Promise<void> {
  if (prefix === scoring.prefix) {
    // Those of like length together, whatever they are for.
    await prefix?.fill([...train, ...evaluation], onText);
    return;
  }
  await prefix?.fill(train, onText);
  await scoring.prefix?.fill(evaluation, onText);
}

/** Frees what the runtime holds. */
export async function releasePrefix(use: Pick<PrefixUse, 'prefix' | 'scoring'>): Promise<void> {
  for (const prefix of prefixesOf(use)) await prefix.release();
}

/** Tells what becomes of what lies below the trained weights; undefined where that is nothing out of the ordinary. */
export function prefixNote(use: PrefixUse, sites: readonly DropoutSite[]): string | undefined {
  const { prefix, products, scoring } = use;
  const report = prefixReport(use);
  const inSteps = scoring.products === products ? '' : ' in training steps';
  if (prefix === undefined || report === null) {
    return (
      products && `What lies below the trained weights is multiplied in 8 bits${inSteps} (prefix.precision).`
    );
  }
  const { perPosition, perText } = report;
  const sizes = [
    ...(perPosition === 0 ? [] : [`${4 * perPosition} bytes a token`]),
    ...(perText === 0 ? [] : [`${4 * perText} bytes a text`]),
  ];
  const without = prefix.cut.sites.length < sites.length ? ', without dropout there' : '';
  const precision = products === undefined ? '' : ` in 8 bits${inSteps === '' ? '' : ' for training steps'}`;
  return `What lies below the trained weights is computed once${precision} and kept, ${sizes.join(' and ')}${without} (prefix.cache).`;
}

/**
 * Decides whether what lies below the trained tensors is computed once, by options and graph alone, so that the same
 * run has the same bits everywhere; and takes the dropout out of it where that is wanted.
 *
 * @param trained Names of the tensors that may change from now on.
 * @throws `usage/option` for a cache on disk without a place for it.
 */
export function openPrefix(
  { objective, withLoss, dropoutSites, weights, padTokenId, maxLength }: Prepared,
  { bn, prefix: { cache, cacheBytes, dropout, precision } }: Pick<ResolvedTrainOptions, 'bn' | 'prefix'>,
  trained: readonly string[],
  environment: Environment,
): PrefixUse {
  const products =
    precision === 'fp32' ? undefined : new EightBitProducts(new EightBitWeights(weights), trained);
  const productsOfScores = precision === 'int8' ? products : undefined;
  const scoring = { prefix: undefined, products: productsOfScores };
  const plain = { withLoss, dropoutSites, prefix: undefined, products, scoring };
  // Texts that are others in each epoch, inputs of other names, values that hang on the batch leave nothing to keep.
  const isOff =
    cache === 'off' ||
    bn.train ||
    objective.train.texts === undefined ||
    (dropout === 'on' && dropoutSites.length > 0);
  if (isOff && dropout !== 'off') return plain;
  const cut = PrefixCut.find({
    graph: withLoss,
    sites: dropoutSites,
    weights,
    trained,
    padTokenId,
    maxLength,
  });
  if (isOff || cut === undefined) {
    if (dropout !== 'off') return plain;
    const graph = withoutDropoutBelow(withLoss, trained, dropoutSites);
    const left = new Set(graph.inputs.map(({ name }) => name));
    return { ...plain, withLoss: graph, dropoutSites: dropoutSites.filter(({ input }) => left.has(input)) };
  }
  const room =
    cache === 'disk' ? 0 : (cacheBytes ?? Math.floor(SHARE_OF_FREE * environment.memory().freeBytes));
  const store = cache === 'memory' ? undefined : environment.prefixStore;
  if (cache === 'disk' && store === undefined) {
    throw new GspfError('usage/option', {
      subject: 'prefix.cache',
      expected: 'auto, memory or off where no directory is given to keep it in',
      got: 'disk',
      hint: 'Give checkpointDirectory.',
    });
  }
  const kept = new PrefixCache(room, store, environment.createSha256);
  const prefix = new Prefix(cut, kept, environment, products);
  const prefixOfScores =
    productsOfScores === products ? prefix : new Prefix(cut, kept, environment, productsOfScores);
  return {
    withLoss: cut.graph,
    dropoutSites: cut.sites,
    prefix,
    products,
    scoring: { prefix: prefixOfScores, products: productsOfScores },
  };
}
