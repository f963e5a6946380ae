import { GspfError } from '../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { type Graph, int } from '../graph/graph.ts';
import type { ConfusionMatrix } from '../metrics/classification.ts';
import { LOSS } from '../models/sequence-classification.ts';
import type { Shape, Tensor } from '../tensor.ts';

/** What some examples are to give, by row: classes, or numbers. */
export type Targets =
  | {
      readonly kind: 'classes';
      /** `[rows, places]` row by row; {@link NO_CLASS} for a place to leave out. */
      readonly data: Int32Array;
    }
  | {
      readonly kind: 'values';
      /** `[rows, size of the output]` row by row. */
      readonly data: Float32Array;
    };

/** The class of a place that has no part in the loss, as torch.nn.CrossEntropyLoss has it. */
export const NO_CLASS = -100;

/** A loss of a graph's output `logits`, `[batch, …]`, and what it should have been. */
export interface OutputLoss {
  /** Adds the scalar `loss` and the inputs for {@link targets} to a graph. */
  readonly addTo: (builder: GraphBuilder) => void;
  /** What is to be learnt of some training rows, by graph input. */
  readonly targets: (rows: Int32Array) => Map<string, Tensor>;
  /** What the losses of some training rows weigh together in the mean of a batch, where it is not their number. */
  readonly weight?: ((rows: Int32Array) => number) | undefined;
  /** Metrics of the outputs of the evaluation rows, and the mean `loss`. */
  readonly score: (outputs: readonly Float32Array[]) => Readonly<Record<string, number>>;
  /** Of one class for each example: how often which class was taken for which. */
  readonly confusion?: ((outputs: readonly Float32Array[]) => ConfusionMatrix) | undefined;
}

/** What a loss is made for. */
export interface LossContext {
  /** Of the output of one example. */
  readonly shape: Shape;
  readonly train: Targets;
  readonly evaluation: Targets;
}

/** A graph with the output `loss` beside its own. */
export function withOutputLoss(graph: Graph, { addTo }: Pick<OutputLoss, 'addTo'>): Graph {
  const builder = new GraphBuilder(graph);
  addTo(builder);
  return builder.build(graph.name, [...graph.outputs, { name: LOSS, dtype: 'float32', shape: [] }]);
}

/** Adds the mean of all elements of a value as the output `loss`. */
export function meanAsLoss(builder: GraphBuilder, value: string): void {
  builder.op('ReduceMean', [value], { keepdims: int(0) }, LOSS);
}

/** The classes in targets. @throws `graph/invalid` for targets of another kind. */
export function requireClasses(targets: Targets): Int32Array {
  if (targets.kind === 'classes') return targets.data;
  throw wrongKind('classes', targets);
}

/** The numbers in targets. @throws `graph/invalid` for targets of another kind. */
export function requireValues(targets: Targets): Float32Array {
  if (targets.kind === 'values') return targets.data;
  throw wrongKind('values', targets);
}

function wrongKind(expected: Targets['kind'], { kind }: Targets): GspfError {
  return new GspfError('graph/invalid', { subject: 'targets', expected, got: kind });
}

/** Some rows of a list that has `size` numbers for each. */
export function takeRows(data: Float32Array | Int32Array, rows: Int32Array, size: number): number[] {
  return Array.from(rows).flatMap((row) => [...data.subarray(row * size, (row + 1) * size)]);
}
