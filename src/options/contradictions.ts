import type { ResolvedTrainOptions } from './options.ts';

/** An option whose value does not go with those of others, and what would. */
export interface Contradiction {
  /** Path of the option, as in `warmup.epochs`. */
  readonly path: string;
  readonly expected: string;
}

/** What in a complete tree of options cannot be meant together. */
export function contradictions(options: ResolvedTrainOptions): readonly Contradiction[] {
  const { method, epochs, warmup, select, refine, prefix, loss, microBatch, emaDecay } = options;
  const found: Contradiction[] = [];
  if (loss === 'contrastive' && microBatch !== null) {
    found.push({
      path: 'microBatch',
      expected: 'null with loss contrastive, which compares all rows of a batch',
    });
  }
  if (method === 'full') {
    if (emaDecay !== null) {
      found.push({ path: 'emaDecay', expected: 'null with method full, which keeps no averages' });
    }
    for (const path of ['forwardPrecision', 'gradientPrecision'] as const) {
      if (options[path] === 'fp32') continue;
      found.push({ path, expected: 'fp32 with method full, which leaves no weight frozen' });
    }
    if (refine.every === 0) return found;
    return [...found, { path: 'refine.every', expected: '0 with method full, which selects no weights' }];
  }
  if (warmup.epochs >= epochs) {
    found.push({
      path: 'warmup.epochs',
      expected: `less than epochs (${epochs}), so that an epoch is left to fine-tune in`,
    });
  } else if (refine.every > 0 && !refinesAtAll(options)) {
    found.push({
      path: 'refine.every',
      expected: `a number with a multiple above warmup.epochs (${warmup.epochs}) and below 0.8 · epochs (${(4 * epochs) / 5}), so that there is an epoch to refine after`,
    });
  }
  if (warmup.lr !== null && warmup.update === 'none') {
    found.push({ path: 'warmup.lr', expected: 'null with warmup.update none, which moves no weight' });
  }
  if (warmup.slices > 1 && warmup.update !== 'none') {
    found.push({ path: 'warmup.slices', expected: '1, or warmup.update none: a slice moves no weight' });
  }
  if (warmup.narrow !== null && warmup.slices > 1) {
    found.push({
      path: 'warmup.narrow',
      expected: 'null with warmup.slices, of which each has its own turn',
    });
  }
  if (!select.headInBudget && select.head === 'compete') {
    found.push({
      path: 'select.headInBudget',
      expected: 'true with select.head compete, where the head has no place of its own',
    });
  }
  if (prefix.dropout === 'on' && (prefix.cache === 'memory' || prefix.cache === 'disk')) {
    found.push({ path: 'prefix.dropout', expected: `off or null with prefix.cache ${prefix.cache}` });
  }
  return found;
}

/** Whether an epoch of phase 3 is a multiple of `refine.every` and lies within the first 80 % of all. */
function refinesAtAll({ epochs, warmup, refine }: ResolvedTrainOptions): boolean {
  const first = (Math.floor(warmup.epochs / refine.every) + 1) * refine.every;
  return 5 * first < 4 * epochs;
}
