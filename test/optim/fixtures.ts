import { z } from 'zod';
import { sharedText } from '../data/shared-files.ts';

const numbers = z.array(z.number());
const adamwSettings = z.object({
  beta1: z.number(),
  beta2: z.number(),
  epsilon: z.number(),
  weightDecay: z.number(),
});
const dense = z.object({
  settings: adamwSettings,
  start: numbers,
  steps: z.array(z.object({ lr: z.number(), gradient: numbers, weight: numbers, m: numbers, v: numbers })),
});
const sparse = z.object({
  settings: adamwSettings,
  start: numbers,
  steps: z.array(
    z.object({
      lr: z.number(),
      active: z.array(z.boolean()),
      gradient: numbers,
      weight: numbers,
      stepCounts: numbers,
    }),
  ),
});
const sgd = z.object({
  settings: z.object({
    lr: z.number(),
    momentum: z.number(),
    nesterov: z.boolean(),
    weightDecay: z.number(),
  }),
  start: numbers,
  steps: z.array(z.object({ gradient: numbers, weight: numbers })),
});
const clip = z.object({
  clipNorm: z.number(),
  norm: z.number(),
  coefficient: z.number(),
  gradients: z.record(z.string(), numbers),
  clipped: z.record(z.string(), numbers),
});
const optimizers = z.object({
  dense,
  denseWithDecay: dense,
  sparse,
  sgd: z.array(sgd),
  clip: z.array(clip),
});

const schedules = z.array(
  z.object({
    kind: z.enum(['linear', 'cosine', 'constant']),
    steps: z.number(),
    warmupRatio: z.number(),
    risingSteps: z.number(),
    factors: numbers,
  }),
);

/** Steps of torch's optimisers, or undefined, with the reason printed, where they are absent. */
export function optimizerFixtures(): z.infer<typeof optimizers> | undefined {
  const text = sharedText('reference/fixtures/adamw.json');
  return text === undefined ? undefined : optimizers.parse(JSON.parse(text));
}

/** Factors of transformers' schedules, or undefined, with the reason printed, where they are absent. */
export function scheduleFixtures(): z.infer<typeof schedules> | undefined {
  const text = sharedText('reference/fixtures/schedules.json');
  return text === undefined ? undefined : schedules.parse(JSON.parse(text));
}
