import { EightBitProducts } from '../lowering/eight-bit-products.ts';
import { distinct } from '../lowering/elements.ts';
import type { Selection } from '../methods/selection.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import { EightBitWeights, type Lines } from '../quantize/eight-bit-weights.ts';
import type { Weights } from './batch-gradients.ts';

/** Most lines that are rounded anew in each step, as a share of a matrix: the others give them their scales. */
const MOST = 1 / 8;

/** What of a step is computed in 8 bits beside what no trained weight enters. */
export interface StepProducts {
  readonly products: EightBitProducts;
  /** Products of normalised values, on the way to the loss. */
  readonly forward: boolean;
  /** Products of the gradients of values. */
  readonly backward: boolean;
}

/** Undefined where all of a step is computed in float32. */
export function stepProducts(
  {
    forwardPrecision,
    gradientPrecision,
  }: Pick<ResolvedTrainOptions, 'forwardPrecision' | 'gradientPrecision'>,
  selection: Selection,
  weights: Weights,
): StepProducts | undefined {
  const forward = forwardPrecision === 'int8';
  const backward = gradientPrecision === 'int8';
  if (!forward && !backward) return undefined;
  const rounded = new EightBitWeights(weights, trainedLines(selection, weights));
  return { products: new EightBitProducts(rounded, []), forward, backward };
}

/**
 * Where the selected elements of matrices lie: in few rows, or few columns; `all` where those are many, and for what is
 * selected whole.
 */
export function trainedLines(selection: Selection, weights: Weights): ReadonlyMap<string, Lines | 'all'> {
  return new Map(
    [...selection].map(([name, indices]) => {
      const shape = weights.get(name)?.shape ?? [];
      return [name, indices === 'all' ? 'all' : linesOf(indices, shape)] as const;
    }),
  );
}

function linesOf(indices: Int32Array, [height = 1, width = 1]: readonly number[]): Lines | 'all' {
  const rows = distinct(indices, (index) => Math.floor(index / width));
  const columns = distinct(indices, (index) => index % width);
  const areRows = rows.length * width <= columns.length * height;
  const [numbers, extent] = areRows ? [rows, height] : [columns, width];
  return numbers.length <= MOST * extent ? { axis: areRows ? 0 : 1, numbers } : 'all';
}
