/**
 * The operators of onnxruntime's own domain, com.microsoft, that are read: the fused forms that its optimiser and
 * optimum write. `ops/contrib/` says what takes their place.
 */
export const contribTypes = [
  'Attention',
  'BiasGelu',
  'BiasSoftmax',
  'DynamicQuantizeMatMul',
  'EmbedLayerNormalization',
  'FastGelu',
  'FusedConv',
  'FusedGemm',
  'FusedMatMul',
  'Gelu',
  'GroupQueryAttention',
  'MatMulIntegerToFloat',
  'MultiHeadAttention',
  'QuickGelu',
  'RotaryEmbedding',
  'SimplifiedLayerNormalization',
  'SkipLayerNormalization',
  'SkipSimplifiedLayerNormalization',
] as const;

export type ContribType = (typeof contribTypes)[number];

/** Whether an operator with its domain, `com.microsoft.Gelu`, is one of them. */
export function isContrib(name: string): boolean {
  return contribTypes.some((type) => name === `com.microsoft.${type}`);
}
