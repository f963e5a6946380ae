import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chromeTrace } from '../../src/measure/trace.ts';
import { trainingWords } from './mails.ts';
import { gspf, temporaryFolder } from './terminal.ts';

interface Event {
  readonly name: string;
  readonly cat: string;
  readonly ph: string;
  readonly ts: number;
  readonly dur: number;
}

/** Each event with what it lies in, the outermost first; fails where two overlap and neither holds the other. */
function nested(
  events: readonly Event[],
): readonly { readonly event: Event; readonly around: readonly Event[] }[] {
  const open: Event[] = [];
  const end = ({ ts, dur }: Event): number => ts + dur;
  return events.map((event) => {
    // Sums of fractions of microseconds differ in their last digits.
    while (open.length > 0 && end(open.at(-1)!) <= event.ts + 1e-3) open.pop();
    const around = [...open];
    for (const outer of around) expect(end(event)).toBeLessThanOrEqual(end(outer) + 1e-3);
    open.push(event);
    return { event, around };
  });
}

test('--profile writes a trace whose spans nest and add up', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'trace.json');
  const ran = await gspf([...trainingWords(folder), '--profile', file]);
  expect(ran.status, ran.stderr).toBe(0);
  expect(ran.stderr).toMatch(/trace\.json is for chrome:\/\/tracing .* was spent in onnxruntime\./);

  const { traceEvents } = JSON.parse(readFileSync(file, 'utf8'));
  const events: Event[] = traceEvents.filter(({ ph }: Event) => ph === 'X');
  expect([...events].sort((a, b) => a.ts - b.ts)).toEqual(events);
  const placed = nested(events);
  const of = (cat: string) => placed.filter(({ event }) => event.cat === cat);
  const kindsAround = (cat: string) =>
    new Set(of(cat).map(({ around }) => around.map((a) => a.cat).join(' ')));

  // The phases follow one another, and take what run.json says.
  const { phases } = JSON.parse(readFileSync(join(folder, 'run', 'run.json'), 'utf8'));
  expect(of('phase').map(({ event }) => event.name)).toEqual(
    phases.map(({ phase }: { phase: string }) => phase),
  );
  for (const [i, { event }] of of('phase').entries())
    expect(event.dur).toBeCloseTo(1000 * phases[i].elapsedMs, 3);
  // 7 steps of warm-up and 14 of training, in their phases.
  expect(of('step').map(({ event }) => event.name)).toEqual(
    Array.from({ length: 21 }, (_, i) => `step ${i + 1}`),
  );
  expect(of('step').map(({ around }) => around.map(({ name }) => name).join())).toEqual([
    ...Array(7).fill('warmup'),
    ...Array(14).fill('train'),
  ]);
  expect(kindsAround('evaluation')).toEqual(new Set(['phase']));
  expect(
    of('session').filter(({ around }) => around.at(-1)?.name === 'gradients').length,
  ).toBeGreaterThanOrEqual(21);

  // onnxruntime's operators lie in the runs that they belong to, and take no longer than these.
  const inRun = new Map<Event, number>();
  for (const { event, around } of of('operator')) {
    const run = around.at(-1)!;
    expect(run.cat).toBe('session');
    inRun.set(run, (inRun.get(run) ?? 0) + event.dur);
  }
  expect(inRun.size).toBeGreaterThan(0);
  for (const [run, operators] of inRun) expect(operators).toBeLessThanOrEqual(run.dur);
  const names = new Set(of('operator').map(({ event }) => event.name));
  for (const operator of ['MatMul', 'Softmax'])
    expect([...names].some((name) => name.includes(operator))).toBe(true);
});

test('a span comes after those that enclose it', () => {
  const span = (name: string, startMs: number, durationMs: number) =>
    ({ name, kind: 'step', startMs, durationMs }) as const;
  const { traceEvents } = chromeTrace(
    [span('inner', 5, 1), span('outer', 5, 4), span('first', 3, 1)],
    'gspf',
  );
  expect(traceEvents.map(({ name, ts }) => [name, ts])).toEqual([
    ['process_name', undefined],
    ['first', 0],
    ['outer', 2000],
    ['inner', 2000],
  ]);
});
