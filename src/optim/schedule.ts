import type { ScheduleOptions } from '../options/options.ts';

/** Factor after the rise, by the share of the remaining steps that are done, 0 to 1. */
const falls = {
  linear: (progress) => 1 - progress,
  cosine: (progress) => (1 + Math.cos(Math.PI * progress)) / 2,
  constant: () => 1,
} as const satisfies Record<ScheduleOptions['kind'], (progress: number) => number>;

/**
 * The multiplier of the learning rate at each 0-based step of `steps`; a step past the end has the last value.
 *
 * As `get_*_schedule_with_warmup` of Hugging Face transformers: ⌈ratio · steps⌉ rising steps, the first at 0.
 */
export function schedule({ kind, warmupRatio }: ScheduleOptions, steps: number): (step: number) => number {
  const rising = Math.ceil(warmupRatio * steps);
  const fall = falls[kind];
  return (step) => {
    if (step < rising) return step / rising;
    const falling = Math.max(1, steps - rising);
    return fall(Math.min(1, (step - rising) / falling));
  };
}
