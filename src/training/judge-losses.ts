/** Fewer steps than this say nothing. */
const FEWEST_STEPS = 20;
/** A loss that falls by less than this share from the first to the last quarter of the steps is flat. */
const FLAT = 0.01;

/**
 * What a user should know of a run whose loss stayed flat or rose; undefined where it fell.
 *
 * @param losses Of the training steps, in order: the first quarter is compared with the last.
 */
export function judgeLosses(losses: readonly number[], lr: number): string | undefined {
  if (losses.length < FEWEST_STEPS) return undefined;
  const quarter = Math.floor(losses.length / 4);
  const first = mean(losses.slice(0, quarter));
  const last = mean(losses.slice(-quarter));
  const change = `from ${first.toFixed(4)} to ${last.toFixed(4)} over ${losses.length} steps`;
  if (last > first * (1 + FLAT)) return `The loss rose ${change}: the learning rate ${lr} may be too high.`;
  if (last > first * (1 - FLAT)) {
    return `The loss stayed flat, ${change}: the learning rate ${lr} may be too low, or there is nothing to learn.`;
  }
  return undefined;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
