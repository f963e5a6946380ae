import { expect, test } from 'vitest';
import { trainingWords } from './mails.ts';
import { gspf, temporaryFolder } from './terminal.ts';

/** The words of `gspf plan` with the options of a training run. */
function planWords(...more: string[]): string[] {
  const [, ...words] = trainingWords(temporaryFolder());
  const out = words.indexOf('--out');
  return ['plan', ...words.slice(0, out), ...words.slice(out + 2), ...more];
}

test('gspf plan tells steps, memory and the patch of the run that it does not make', async () => {
  const { status, stdout } = await gspf(planWords('--json'));
  expect(status).toBe(0);
  const plan = JSON.parse(stdout);
  // 54 examples in batches of 8, one of three epochs measures: as `gspf train` does.
  expect(plan.phases.map(({ phase, steps }: { phase: string; steps: number }) => [phase, steps])).toEqual([
    ['warmup', 7],
    ['train', 14],
  ]);
  for (const { memory, peakBytes, stepMs } of plan.phases) {
    const parts: number[] = Object.values(memory);
    expect(peakBytes).toBe(parts.reduce((sum, bytes) => sum + bytes, 0));
    expect(memory.weights).toBe(4 * plan.parameters);
    expect(stepMs).toBeGreaterThan(0);
  }
  expect(plan.phases[0].memory.gradients).toBeGreaterThan(plan.phases[1].memory.gradients);
  const share = plan.selected / plan.parameters;
  expect(Math.abs(share - 0.05)).toBeLessThan(0.005);
});

test('full fine-tuning has moments of every weight but those of words that no text holds', async () => {
  const { stdout } = await gspf(planWords('--method', 'full', '--json'));
  const { phases, parameters, selected } = JSON.parse(stdout);
  expect([phases.length, selected]).toEqual([1, parameters]);
  // 60 words in the vocabulary, 16 weights each; the mails have twelve, between [CLS] and [SEP].
  expect(phases[0].memory.optimizer).toBe(8 * (parameters - (60 - 14) * 16));
});

test('the table reads from top to bottom', async () => {
  const { stdout } = await gspf(planWords());
  const first = stdout.split('\n').map((line) => line.split(/ {2,}/)[0]);
  expect(first).toEqual(
    expect.arrayContaining(['steps', 'time a step', 'weights', 'activations', 'peak memory', 'patch']),
  );
});
