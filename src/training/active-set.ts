import { count, type Selection } from '../methods/selection.ts';
import { floatTensors, restoreFloats, selectionTensors } from '../methods/selection-tensors.ts';
import { type AdamWState, adamwStep, carryAdamWState, createAdamWState, decays } from '../optim/adamw.ts';
import { clipFactor, globalNorm } from '../optim/clip.ts';
import { WeightAverage } from '../optim/weight-average.ts';
import { float32, type Tensor, type TensorData } from '../tensor.ts';
import type { BatchGradients } from './batch-gradients.ts';
import { denseGradient } from './gradient.ts';
import type { Run } from './run.ts';
import type { Trained } from './train-epochs.ts';

/** Selected weights in training, with the optimiser's state of each. */
export class ActiveSet implements Trained {
  readonly average: WeightAverage | null;
  readonly #run: Run;
  readonly #measured: readonly string[] | null;
  #selection: Selection;
  #states: ReadonlyMap<string, AdamWState>;
  #gradients: BatchGradients;

  /**
   * @param measured Tensors whose whole gradient is wanted besides: a refinement that listens to training needs it.
   */
  constructor(run: Run, selection: Selection, measured: readonly string[] | null = null) {
    this.#run = run;
    this.#measured = measured;
    this.#selection = selection;
    this.#gradients =
      measured === null
        ? run.passes.gradientsToTrain(selection)
        : run.passes.gradients(new Map(measured.map((name) => [name, 'all'])));
    const states = new Map<string, AdamWState>();
    for (const [name, indices] of selection) {
      states.set(name, createAdamWState(count(indices, run.dataOf(name).length)));
    }
    this.#states = states;
    const { emaDecay } = run.options;
    this.average =
      emaDecay === null ? null : new WeightAverage(emaDecay, selection, (name) => run.dataOf(name));
    run.memory.note('optimizer', bytesOf(states) + (this.average?.sizeBytes ?? 0));
  }

  get selection(): Selection {
    return this.#selection;
  }

  /** Where the gradients of the last batch are: of the active weights, or of the measured tensors whole. */
  get gradients(): BatchGradients {
    return this.#gradients;
  }

  /**
   * One AdamW step on the active weights, by the gradients of the last batch; none where their norm is not finite.
   *
   * @returns the norm of the active gradients before clipping
   */
  update(lr: number): number {
    const { adamw, clipNorm } = this.#run.options;
    const { beta1, beta2, epsilon, weightDecay } = adamw;
    const active = new Map([...this.#selection.keys()].map((name) => [name, this.#activeGradient(name)]));
    const norm = globalNorm(active.values());
    if (!Number.isFinite(norm)) return norm;
    const scale = clipFactor(norm, clipNorm);
    for (const [name, indices] of this.#selection) {
      const tensor = this.#run.prepared.weights.get(name);
      const state = this.#states.get(name);
      const gradient = active.get(name);
      if (tensor === undefined || state === undefined || gradient === undefined) continue;
      const decay = decays(tensor.shape) ? weightDecay : 0;
      adamwStep(tensor.data, indices, gradient, state, { lr, beta1, beta2, epsilon, decay, scale });
    }
    this.average?.follow();
    return norm;
  }

  /**
   * Trains another selection from now on. Weights that stay keep the optimiser's state, those that enter start with
   * none.
   */
  async replace(selection: Selection): Promise<void> {
    const states = new Map<string, AdamWState>();
    for (const [name, indices] of selection) {
      const size = this.#run.dataOf(name).length;
      const before = this.#selection.get(name);
      const state = this.#states.get(name) ?? createAdamWState(0);
      states.set(name, carryAdamWState(state, before, indices, size));
    }
    this.#states = states;
    this.#selection = selection;
    this.average?.replace(selection);
    if (this.#measured !== null) return;
    await this.#gradients.release();
    this.#gradients = this.#run.passes.gradientsToTrain(selection);
  }

  /** Selection, moments, step counts and averages, for a checkpoint; the weights are not among them. */
  capture(): [string, Tensor][] {
    const tensors = selectionTensors('selected', this.#selection);
    if (this.average !== null) {
      const steps = Int32Array.of(this.average.steps);
      tensors.push(['averaged', { dtype: 'int32', shape: [], data: steps }]);
      tensors.push(...floatTensors('average', this.average.averages));
    }
    for (const [name, { m, v, steps, cohort }] of this.#states) {
      if (!(m instanceof Float32Array && v instanceof Float32Array)) continue;
      tensors.push([`m/${name}`, float32([m.length], m)], [`v/${name}`, float32([v.length], v)]);
      tensors.push([
        `steps/${name}`,
        { dtype: 'int32', shape: [steps.length], data: Int32Array.from(steps) },
      ]);
      if (cohort === null) continue;
      tensors.push([`cohort/${name}`, { dtype: 'uint16', shape: [cohort.length], data: cohort }]);
    }
    return tensors;
  }

  /** Takes over the optimiser's state of {@link capture}; the selection must be the one it was taken with. */
  restore(tensors: ReadonlyMap<string, Tensor>): void {
    const states = new Map<string, AdamWState>();
    for (const name of this.#selection.keys()) {
      const data = (part: string): TensorData | undefined => tensors.get(`${part}/${name}`)?.data;
      const [m, v, steps, cohort] = [data('m'), data('v'), data('steps'), data('cohort')];
      if (!(m instanceof Float32Array && v instanceof Float32Array && steps instanceof Int32Array)) continue;
      states.set(name, {
        m: m.slice(),
        v: v.slice(),
        steps: Array.from(steps),
        cohort: cohort instanceof Uint16Array ? cohort.slice() : null,
      });
    }
    this.#states = states;
    if (this.average === null) return;
    const { averages } = this.average;
    restoreFloats('average', tensors, (name) => averages.get(name));
    this.average.steps = Number(tensors.get('averaged')?.data[0] ?? 0);
  }

  release(): Promise<void> {
    return this.#gradients.release();
  }

  #activeGradient(name: string): Float32Array {
    const gradient = this.#gradients.gradients.get(name) ?? { values: new Float32Array(0) };
    const indices = this.#selection.get(name);
    const isWhole = indices === 'all' || indices === undefined;
    if (this.#measured === null && !isWhole) return gradient.values;
    const dense = denseGradient(gradient, this.#run.dataOf(name).length);
    return isWhole ? dense : Float32Array.from(indices, (index) => dense[index] ?? 0);
  }
}

/** Of the moments. */
function bytesOf(states: ReadonlyMap<string, AdamWState>): number {
  return [...states.values()].reduce((sum, { m, v }) => sum + m.byteLength + v.byteLength, 0);
}
