/** What outputs are compared with their targets by. */
export const lossNames = [
  'cross-entropy',
  'binary-cross-entropy',
  'mse',
  'token-cross-entropy',
  'pixel-cross-entropy',
  'cosine',
  'contrastive',
] as const;

/** One of {@link lossNames}. */
export type LossName = (typeof lossNames)[number];
