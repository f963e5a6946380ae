import type { BatchGradients } from '../../training/batch-gradients.ts';
import type { TrainingBatch } from '../../training/batch-parts.ts';
import { denseGradient, type Gradient, stretchesOf } from '../../training/gradient.ts';
import { sharedByGroups } from '../../training/gradient-groups.ts';
import type { Run } from '../../training/run.ts';
import { scoreKinds } from './scores.ts';
import { accumulate, createStatistics, type Statistics } from './statistics.ts';

/** ε of the differences is this over ‖g‖: small against the weights, large against their rounding. */
const DIFFERENCE_STEP = 0.003;

/** Empty sums of what the score kind wants of the eligible tensors; null where it wants nothing. */
export function emptyStatistics(run: Run, eligible: readonly string[]): Statistics | null {
  const { measure } = scoreKinds[run.options.score.kind];
  return measure === null ? null : createStatistics(measure, run.sizes(eligible));
}

/**
 * Gradients of tensors, to measure them: where they add up as they come, in groups (`gradientBytes`), of which each
 * overwrites the last.
 *
 * @param slices The tensors, in parts that are measured in turn: one result for each.
 */
export function gradientsToMeasure(
  run: Run,
  slices: readonly (readonly string[])[],
): readonly BatchGradients[] {
  const inGroups = addsAsTheyCome(run);
  const groupsOf = slices.map((names) => (inGroups ? run.passes.gradientGroups(names) : [names]));
  const groups = groupsOf.flat();
  const place =
    groups.length === 1 ? undefined : sharedByGroups(groups, run.passes.denseSizes(slices.flat()));
  return slices.map((names, i) =>
    run.passes.gradients(new Map(names.map((name) => [name, 'all'])), place, groupsOf[i]),
  );
}

/** Whether a batch's sums need its gradients alone, so that they can be added group by group as they come. */
export function addsAsTheyCome({ options }: Pick<Run, 'options'>): boolean {
  return scoreKinds[options.score.kind].measure !== 'hessian';
}

/** Adds gradients of a batch to the sums of their tensors; unclipped. */
export function addGradients(statistics: Statistics | null, gradients: ReadonlyMap<string, Gradient>): void {
  for (const [name, gradient] of gradients) {
    if (statistics?.tensors.has(name)) accumulate(statistics, name, stretchesOf(gradient));
  }
}

/**
 * Adds the batch whose gradients were just computed, all of them, to the sums.
 *
 * Gradients are unclipped. For the measure `hessian` they are H·g, g the gradient over all measured tensors, by central
 * differences: (∇L(θ + εg) − ∇L(θ − εg)) / 2ε with ε = 0.003/‖g‖. The weights end as they were, to the bit, and the
 * gradients too.
 */
export async function measureBatch(
  run: Run,
  batch: TrainingBatch,
  gradients: BatchGradients,
  statistics: Statistics | null,
): Promise<void> {
  if (statistics === null) return;
  if (addsAsTheyCome(run)) return addGradients(statistics, gradients.gradients);
  const product = await hessianGradient(run, batch, gradients);
  for (const [name, values] of product) accumulate(statistics, name, values);
}

async function hessianGradient(
  run: Run,
  batch: TrainingBatch,
  gradients: BatchGradients,
): Promise<ReadonlyMap<string, Float32Array>> {
  const dense = (): Map<string, Float32Array> =>
    new Map(
      [...gradients.gradients].map(([name, gradient]) => [
        name,
        denseGradient(gradient, run.dataOf(name).length).slice(),
      ]),
    );
  const direction = dense();
  const kept = copyOf(new Map([...gradients.gradients].map(([name, { values }]) => [name, values])));
  const weights = copyOf(new Map([...direction.keys()].map((name) => [name, run.dataOf(name)])));
  let squares = 0;
  for (const values of direction.values()) for (const value of values) squares += value * value;
  const epsilon = squares === 0 ? 0 : DIFFERENCE_STEP / Math.sqrt(squares);
  const gradientAt = async (step: number): Promise<ReadonlyMap<string, Float32Array>> => {
    for (const [name, along] of direction) {
      const start = weights.get(name) ?? along;
      const data = run.dataOf(name);
      for (let i = 0; i < data.length; i++) data[i] = (start[i] ?? 0) + step * (along[i] ?? 0);
    }
    await run.computeGradients(batch, gradients);
    return dense();
  };
  const ahead = await gradientAt(epsilon);
  const behind = await gradientAt(-epsilon);
  for (const [name, start] of weights) run.dataOf(name).set(start);
  for (const [name, values] of kept) gradients.gradients.get(name)?.values.set(values);
  return new Map(
    [...ahead].map(([name, values]) => {
      const others = behind.get(name);
      const scale = epsilon === 0 ? 0 : 1 / (2 * epsilon);
      return [name, values.map((value, i) => (value - (others?.[i] ?? 0)) * scale)];
    }),
  );
}

function copyOf(arrays: ReadonlyMap<string, Float32Array>): Map<string, Float32Array> {
  return new Map([...arrays].map(([name, values]) => [name, values.slice()]));
}
