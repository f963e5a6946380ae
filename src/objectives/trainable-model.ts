import type { WeightType } from '../models/half-precision.ts';
import type { ModelOrigin } from '../models/text-model.ts';
import type { LossName } from '../options/loss-names.ts';
import type { ClassWeights, GraphOptions, SelectOptions } from '../options/options.ts';
import type { Task } from '../tasks/task.ts';
import type { Tensor } from '../tensor.ts';
import type { Objective } from './objective.ts';

/** What a task may set of its objective. */
export interface ObjectiveOptions {
  readonly classWeights?: ClassWeights | undefined;
  /** Undefined or null: what the task has, or what goes with its targets. */
  readonly loss?: LossName | null | undefined;
  /** Of what is drawn anew in each epoch. */
  readonly seed?: number | undefined;
  /** How to read a model that is any graph. */
  readonly graph?: GraphOptions | undefined;
  readonly select?: Pick<SelectOptions, 'include'> | undefined;
}

/** A pretrained model as training sees it, whatever it was made from. */
export interface TrainableModel {
  /** As the user named it. */
  readonly name: string;
  /** The longest example in tokens that it takes. */
  readonly maxPositions: number;
  /** The token that fills texts up. */
  readonly padTokenId: number;
  /** The deviation of new weights. */
  readonly initializerRange: number;
  /** Names of the tensors that are pretrained: what else an objective trains is its head. */
  readonly body: ReadonlySet<string>;
  /** Undefined for a model that has no files. */
  readonly origin?: ModelOrigin | undefined;
  /**
   * Its tensors by name, in the element types that it is stored in: read anew, so that the caller may change them. A base
   * model has no head.
   *
   * @param names Those of these names alone; all, if left out.
   */
  readTensors(names?: ReadonlySet<string>): Promise<Map<string, Tensor<WeightType>>>;
  /**
   * What a task asks of it.
   *
   * @param maxLength Tokens after which an example is cut.
   * @throws `usage/option`, `input/model` for a task that does not fit it.
   */
  objectiveOf(task: Task, maxLength: number, options?: ObjectiveOptions): Objective;
}
