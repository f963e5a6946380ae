import { sizeOf } from '../tensor.ts';
import type { InferContext, OpFamily } from './definition.ts';
import { numbersOf, refusal, requiredArray, requiredType } from './shapes.ts';

/** @throws `graph/operator` for a node that would draw its own random numbers. */
function expectInference({ node, inputs, constants }: InferContext): void {
  if (inputs[2] === undefined) return;
  const flag = constants[2];
  if (flag !== undefined && numbersOf(flag)[0] === 0) return;
  throw refusal(
    node,
    'training_mode false: a training run draws its own masks',
    flag === undefined ? 'an input' : 'true',
  );
}

export const dropout: OpFamily<'Dropout'> = {
  // Outside of training nothing is dropped: y = x.
  Dropout: {
    infer: (c) => {
      const x = requiredType(c, 0);
      expectInference(c);
      return [x, { dtype: 'bool', shape: x.shape }];
    },
    evaluate: (c) => {
      const x = requiredArray(c, 0);
      return [x, { dtype: 'bool', shape: x.shape, data: new Float64Array(sizeOf(x.shape)).fill(1) }];
    },
    gradients: [({ g }) => g, null],
  },
};
