import { z } from 'zod';
import { sharedText } from '../data/shared-files.ts';

const numbers = z.array(z.number());
const schema = z.object({
  classification: z.array(
    z.object({
      name: z.string(),
      labels: numbers,
      predictions: numbers,
      accuracy: z.number(),
      f1Binary: z.number().nullable(),
      f1Macro: z.number(),
      f1Micro: z.number(),
      matthews: z.number(),
    }),
  ),
  correlation: z.array(
    z.object({
      name: z.string(),
      labels: numbers,
      predictions: numbers,
      pearson: z.number().nullable(),
      spearman: z.number().nullable(),
    }),
  ),
});

/** The tables of scikit-learn and scipy, or undefined, with the reason printed, where they are absent. */
export function metricFixtures(): z.infer<typeof schema> | undefined {
  const text = sharedText('reference/fixtures/metrics.json');
  return text === undefined ? undefined : schema.parse(JSON.parse(text));
}
