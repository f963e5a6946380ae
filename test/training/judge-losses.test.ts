import { expect, test } from 'vitest';
import { judgeLosses } from '../../src/training/judge-losses.ts';

const ramp = (from: number, to: number): number[] =>
  Array.from({ length: 40 }, (_, i) => from + ((to - from) * i) / 39);

test.each([
  ['falls', ramp(0.7, 0.3), undefined],
  ['is too short to tell', ramp(0.7, 0.7).slice(0, 19), undefined],
  ['stays', ramp(0.61, 0.609), 'The loss stayed flat, from 0.6099 to 0.6091 over 40 steps'],
  [
    'rises',
    ramp(0.5, 2),
    'The loss rose from 0.6731 to 1.8269 over 40 steps: the learning rate 0.01 may be too high',
  ],
])('a loss that %s', (_, losses, said) => {
  const judgement = judgeLosses(losses, 0.01);
  if (said === undefined) expect(judgement).toBeUndefined();
  else expect(judgement).toContain(said);
});
