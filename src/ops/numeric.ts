import { GspfError } from '../errors.ts';
import { type Tensor, toInt64, zeros } from '../tensor.ts';
import type { NumericArray } from './definition.ts';

/** A tensor as doubles. float16 and bfloat16 are turned to float32 when a model is read. */
export function toNumeric({ dtype, shape, data }: Tensor): NumericArray {
  if (dtype === 'float16' || dtype === 'bfloat16') throw halfType(dtype);
  return { dtype, shape, data: Float64Array.from<number | bigint>(data, Number) };
}

/** Doubles as a tensor of their element type: rounded to nearest, integers saturating at 64 bits. */
export function fromNumeric({ dtype, shape, data }: NumericArray): Tensor {
  switch (dtype) {
    case 'float16':
    case 'bfloat16':
      throw halfType(dtype);
    case 'int64':
      return { dtype, shape, data: BigInt64Array.from(data, toInt64) };
    case 'uint64':
      return { dtype, shape, data: BigUint64Array.from(data, toInt64) };
    default: {
      const tensor = zeros(dtype, shape);
      tensor.data.set(data);
      return tensor;
    }
  }
}

function halfType(dtype: string): GspfError {
  return new GspfError('graph/operator', {
    subject: `a tensor of type ${dtype}`,
    expected: 'float32 or float64 in a graph that is computed',
  });
}
