import type { OpFamily } from '../definition.ts';
import { inferRecurrent } from './attributes.ts';
import { evaluateGru, evaluateLstm, evaluateRnn } from './kernels.ts';
import { unrollGru, unrollLstm, unrollRnn } from './unroll.ts';

/** X, W, R, B, sequence_lens, initial_h. */
const gradients = ['expand', 'expand', 'expand', 'expand', null, 'expand'] as const;

/** Recurrent layers: onnxruntime's own kernels where no gradient is wanted, unrolled where one is. */
export const recurrent: OpFamily<'GRU' | 'LSTM' | 'RNN'> = {
  GRU: {
    infer: (c) => inferRecurrent(c, 3).slice(0, 2),
    evaluate: evaluateGru,
    gradients,
    expand: unrollGru,
  },
  LSTM: {
    infer: (c) => inferRecurrent(c, 4),
    evaluate: evaluateLstm,
    // initial_c and the peepholes P come last.
    gradients: [...gradients, 'expand', 'expand'],
    expand: unrollLstm,
  },
  RNN: {
    infer: (c) => inferRecurrent(c, 1).slice(0, 2),
    evaluate: evaluateRnn,
    gradients,
    expand: unrollRnn,
  },
};
