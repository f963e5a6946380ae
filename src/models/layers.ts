import type { GraphBuilder } from '../graph/builder.ts';
import { float, int, string } from '../graph/graph.ts';

/** The activations that graphs are written with, by transformers' names. */
export const activations = ['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'relu', 'tanh'] as const;

export type Activation = (typeof activations)[number];

/**
 * torch.nn.Linear on the parameters `name.weight` and `name.bias`: rows `[rows, in]` → `[rows, out]`.
 *
 * @param scale What the result is multiplied with.
 */
export function linear(builder: GraphBuilder, name: string, rows: string, scale = 1): string {
  const attributes = scale === 1 ? {} : { alpha: float(scale), beta: float(scale) };
  return builder.op('Gemm', [rows, `${name}.weight`, `${name}.bias`], { transB: int(1), ...attributes });
}

/** torch.nn.Linear with or without bias. */
export function linearIf(hasBias: boolean, builder: GraphBuilder, name: string, rows: string): string {
  if (hasBias) return linear(builder, name, rows);
  return builder.op('Gemm', [rows, `${name}.weight`], { transB: int(1) });
}

/** torch.nn.LayerNorm along the last axis, on the parameters `name.weight` and, unless it has none, `name.bias`. */
export function layerNorm(
  builder: GraphBuilder,
  name: string,
  x: string,
  epsilon: number,
  hasBias = true,
): string {
  const bias = hasBias ? [`${name}.bias`] : [];
  return builder.op('LayerNormalization', [x, `${name}.weight`, ...bias], {
    axis: int(-1),
    epsilon: float(epsilon),
  });
}

export function activate(builder: GraphBuilder, activation: Activation, x: string): string {
  switch (activation) {
    case 'gelu':
      return builder.op('Gelu', [x]);
    case 'gelu_new':
    case 'gelu_pytorch_tanh':
      return builder.op('Gelu', [x], { approximate: string('tanh') });
    case 'relu':
      return builder.op('Relu', [x]);
    case 'tanh':
      return builder.op('Tanh', [x]);
  }
}
