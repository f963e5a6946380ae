import type { Node } from '../graph/graph.ts';

/** Inputs in which an operator takes weights, by position. */
const weightInputs: Readonly<Record<string, readonly number[]>> = {
  BatchNormalization: [1, 2],
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  GRU: [1, 2, 3],
  Gemm: [1, 2],
  GroupNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  LSTM: [1, 2, 3, 7],
  LayerNormalization: [1, 2],
  PRelu: [1],
  RMSNormalization: [1],
  RNN: [1, 2, 3],
};

/** Whether an input of a node is one that takes weights and nothing else. */
export function takesWeight({ opType }: Node, index: number): boolean {
  return weightInputs[opType]?.includes(index) === true;
}
