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

/** What an output is compared with its targets by. */
export type LossName = (typeof lossNames)[number];
