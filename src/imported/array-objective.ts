import { arraysObjective, headSize, lossOfTask } from '../objectives/arrays.ts';
import type { Objective } from '../objectives/objective.ts';
import type { LossName } from '../options/loss-names.ts';
import type { ClassWeights, GraphOptions } from '../options/options.ts';
import type { ArraysTask } from '../tasks/arrays.ts';
import { importedArrayNetwork } from './array-network.ts';
import type { ImportedGraph } from './import.ts';

export interface ArrayObjectiveOptions {
  readonly graph: GraphOptions;
  /** Null: the usual one of the targets. */
  readonly loss: LossName | null;
  readonly classWeights: ClassWeights;
  /** The model's name, for messages. */
  readonly source: string;
  /** The width of the head that the model has been trained with; undefined for one to be trained. */
  readonly headWidth: number | undefined;
}

/** What a task on arrays asks of an imported graph. @throws as its network and `arraysObjective`. */
export function importedArraysObjective(
  imported: ImportedGraph,
  task: ArraysTask,
  { graph, loss: wanted, classWeights, source, headWidth }: ArrayObjectiveOptions,
): Objective {
  const [example] = [...task.train, ...task.evaluation];
  const options = { ...graph, source, arrays: example?.arrays };
  if (graph.headOn === null) {
    const network = importedArrayNetwork(imported, { ...options, head: undefined });
    return arraysObjective(task, network, lossOfTask(task, wanted, network.shape), classWeights);
  }
  const loss = lossOfTask(task, wanted);
  const size = headSize(task, loss);
  const head = { ...size, width: headWidth ?? size.width };
  return arraysObjective(task, importedArrayNetwork(imported, { ...options, head }), loss, classWeights);
}
