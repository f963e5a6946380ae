import { describe, expect, test } from 'vitest';
import { Chooser } from '../../src/methods/gspf/choose.ts';
import { eligibleTensors, tensorOrder } from '../../src/methods/gspf/eligible.ts';
import { layerDepths } from '../../src/methods/gspf/frontier.ts';
import { gspf } from '../../src/methods/gspf/gspf.ts';
import { warmUp } from '../../src/methods/gspf/warmup.ts';
import { countAll, type Selection, toIndices } from '../../src/methods/selection.ts';
import { onlyOf } from '../../src/models/checkpoint.ts';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { createSha256 } from '../../src/node/files.ts';
import { FrozenHashes } from '../../src/training/frozen.ts';
import type { Progress } from '../../src/training/observer.ts';
import { Run } from '../../src/training/run.ts';
import { referenceRuns } from './reference-runs.ts';

/** Scores so close that float32 may order them differently; the README of the fixtures names them. */
const LOOSE_SELECTION: Readonly<Record<string, number>> = { 'kind-grasp': 0.98 };

const environment = nodeEnvironment({ threads: 1 });

const overlap = (
  a: Selection,
  b: ReadonlyMap<string, Int32Array>,
  sizes: ReadonlyMap<string, number>,
): number => {
  let common = 0;
  for (const [name, indices] of b) {
    const mine = new Set(toIndices(a.get(name), sizes.get(name) ?? 0));
    common += indices.filter((index) => mine.has(index)).length;
  }
  return common;
};

const maxAbs = (a: readonly number[], b: readonly number[]): number => {
  expect(a).toHaveLength(b.length);
  return Math.max(0, ...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))));
};

const runs = referenceRuns();

describe.each(runs)('the reference run $name', (reference) => {
  test('selects, trains and ends alike', async () => {
    const steps: Progress[] = [];
    const onProgress = (progress: Progress): void => void steps.push(progress);
    const run = new Run(reference.prepare(), reference.options, environment, { onProgress }, 0);
    const result = await gspf(run);
    await run.release();
    const sizes = run.sizes([...run.prepared.weights.keys()]);
    const { phase3, final, float32 } = reference;

    const warmup = steps.filter(({ phase }) => phase === 'warmup');
    const trained = steps.filter(({ phase }) => phase === 'train');
    const lossTolerance = Math.max(1e-5, 20 * float32.lossMaxAbs);
    expect(
      maxAbs(
        warmup.map(({ loss }) => loss),
        reference.warmup.loss,
      ),
    ).toBeLessThan(lossTolerance);

    expect(result.selections).toHaveLength(reference.selections.length);
    const loose = LOOSE_SELECTION[reference.options.score.kind === 'grasp' ? 'kind-grasp' : reference.name];
    for (const [i, expected] of reference.selections.entries()) {
      const { statisticsBatches, perTensor, ...counts } = expected;
      const got = result.selections[i];
      expect(got).toMatchObject(counts);
      expect(got?.batches).toBe(statisticsBatches);
      if (loose === undefined) expect(got?.perTensor).toEqual(perTensor);
    }
    const last = reference.selections.length - 1;
    const key = last === 0 ? 'selected/' : `selected.${last}/`;
    const selected = new Map(
      [...reference.tensors()]
        .filter(([name]) => name.startsWith(key))
        .map(([name, { data }]) => [name.slice(key.length), Int32Array.from(data, Number)]),
    );
    const wanted = [...selected.values()].reduce((sum, indices) => sum + indices.length, 0);
    expect(countAll(result.selection, sizes)).toBe(wanted);
    expect(overlap(result.selection, selected, sizes)).toBeGreaterThanOrEqual(wanted * (loose ?? 1));
    if (loose !== undefined && overlap(result.selection, selected, sizes) < wanted) return;

    expect(trained).toHaveLength(phase3.steps);
    for (const [i, { lr }] of trained.entries()) {
      expect(Math.abs(lr - (phase3.lr[i] ?? 0))).toBeLessThanOrEqual(1e-12 * (phase3.lr[i] ?? 0));
    }
    expect(
      maxAbs(
        trained.map(({ loss }) => loss),
        phase3.loss,
      ),
    ).toBeLessThan(lossTolerance);
    expect(
      maxAbs(
        trained.map(({ gradNorm }) => gradNorm ?? Number.NaN),
        phase3.gradNorm,
      ),
    ).toBeLessThan(Math.max(1e-5, 20 * float32.gradientNormMaxAbs));

    const initial = await run.prepared.readInitial();
    expect(countAll(result.selection, sizes)).toBe(final.active);
    expect(countAll(result.changed, sizes)).toBe(final.changed);
    expect(countAll(result.everSelected, sizes)).toBe(final.cumulative);
    const hashes = new FrozenHashes(result.changed, createSha256);
    // In two parts, of which the oracle knows nothing.
    const names = [...initial.keys()].sort(tensorOrder);
    for (const part of [names.slice(0, 3), names.slice(3)]) {
      hashes.update(onlyOf(initial, new Set(part)), run.prepared.weights);
    }
    const proof = hashes.prove();
    expect(proof.weights).toBe(final.frozen);
    if (final.frozenSha256 !== null) expect(proof.sha256After).toBe(final.frozenSha256);

    const tolerance = Math.max(2e-5, 20 * float32.finalMaxAbs);
    const stored = reference.tensors();
    for (const [name, indices] of stored) {
      if (!name.startsWith('final.indices/')) continue;
      const tensor = name.slice('final.indices/'.length);
      const data = run.dataOf(tensor);
      const values = Array.from(stored.get(`final.values/${tensor}`)?.data ?? [], Number);
      const mine = Array.from(indices.data, Number).map((index) => data[index] ?? Number.NaN);
      expect(maxAbs(mine, values), tensor).toBeLessThan(tolerance);
    }
  });
});

const measured = runs.filter(({ name, statisticsIn }) => name === statisticsIn);

test.each(measured)('the reference run $name measures the same sensitivities', async (reference) => {
  const { options } = reference;
  const gradientOnly = { ...options, score: { ...options.score, kind: 'gradient' as const } };
  const run = new Run(reference.prepare(), gradientOnly, environment, {}, 0);
  const { weights, head } = run.prepared;
  const eligible = eligibleTensors([...weights.keys()], head, options.select, []);
  const { statistics } = await warmUp(
    run,
    eligible,
    new Chooser(run, {
      tensors: eligible,
      eligibleWeights: countAll(new Map(eligible.map((name) => [name, 'all'])), run.sizes(eligible)),
      depths: layerDepths(run.prepared.withLoss, weights.keys()),
    }),
  );
  await run.release();
  const stored = [...reference.tensors()].filter(([name]) => name.startsWith('S/'));
  const largest = Math.max(...stored.map(([, { data }]) => Math.max(...Array.from(data, Number))));
  for (const [key, { data }] of stored) {
    const running = statistics?.tensors.get(key.slice(2));
    const mean = Array.from(running?.sum ?? [], (sum) => sum / (running?.batches ?? 1));
    expect(maxAbs(mean, Array.from(data, Number)), key).toBeLessThan(1e-5 * largest);
  }
});
