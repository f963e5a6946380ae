import { type Graph, ints, type Node } from '../graph/graph.ts';
import type { WeightType } from '../models/half-precision.ts';
import type { DType, Tensor } from '../tensor.ts';
import { initializerRoles, type Role } from './roles.ts';
import { runningStatistics } from './running-statistics.ts';
import { singlePrecision } from './single-precision.ts';
import { findTies, type Tie } from './ties.ts';

/** An ONNX graph seen as a model: what of it are weights. */
export interface ImportedGraph {
  /** In float32; its weights are among its initializers. */
  readonly graph: Graph;
  readonly roles: ReadonlyMap<string, Role>;
  /** In the order of the file. */
  readonly weights: ReadonlyMap<string, Tensor<'float32'>>;
  /** Running statistics of batch normalisations, by name. */
  readonly statistics: ReadonlyMap<string, Tensor<'float32'>>;
  /** Weights that hold the values of others. */
  readonly ties: readonly Tie[];
  /** The float tensors as the file has them. */
  readonly stored: ReadonlyMap<string, Tensor<WeightType>>;
  /** The integer types of those that the file has quantised. */
  readonly quantized: ReadonlyMap<string, DType>;
}

export interface ImportOptions {
  /** Names of tensors that are weights, whatever they look like, if a gradient reaches them. */
  readonly weights?: readonly string[] | undefined;
  /** The outputs that count; all of them where it is left out. */
  readonly outputs?: readonly string[] | undefined;
}

/** Finds the weights of a graph. */
export function importGraph(
  file: Graph,
  { weights: named = [], outputs }: ImportOptions = {},
): ImportedGraph {
  const { graph: whole, stored, quantized } = singlePrecision(file);
  const graph =
    outputs === undefined
      ? whole
      : { ...whole, outputs: whole.outputs.filter(({ name }) => outputs.includes(name)) };
  const roles = initializerRoles(graph, new Set(named));
  const floats = [...graph.initializers].flatMap(([name, tensor]): [string, Tensor<'float32'>][] =>
    tensor.dtype === 'float32' ? [[name, tensor]] : [],
  );
  const isWeight = (name: string): boolean => roles.get(name)?.kind === 'weight';
  const weights = new Map(floats.filter(([name]) => isWeight(name)));
  const running = new Set(runningStatistics(graph));
  const statistics = new Map(floats.filter(([name]) => running.has(name) && !isWeight(name)));
  return { graph, roles, weights, statistics, ties: findTies(weights), stored, quantized };
}

/** The same model with each copy of a weight computed from the weight itself: both are trained as one. */
export function tieWeights(imported: ImportedGraph): ImportedGraph {
  const { graph, ties } = imported;
  const copies = new Set(ties.map(({ name }) => name));
  const nodes = ties.map(
    ({ name, of, transposed }): Node => ({
      name: `${name}/tied`,
      opType: transposed ? 'Transpose' : 'Identity',
      inputs: [of],
      outputs: [name],
      attributes: transposed ? { perm: ints([1, 0]) } : {},
    }),
  );
  const without = <T>(tensors: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...tensors].filter(([name]) => !copies.has(name)));
  return {
    ...imported,
    graph: { ...graph, initializers: without(graph.initializers), nodes: [...nodes, ...graph.nodes] },
    weights: without(imported.weights),
  };
}
