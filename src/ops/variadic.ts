import { inferBroadcast, mapBroadcast } from './broadcasting.ts';
import type { GradientRule, OpDefinition, OpFamily } from './definition.ts';
import { asType } from './elementwise.ts';
import { requiredArray } from './shapes.ts';

/** An operator of any number of inputs under numpy broadcasting, one rule for all of them. */
function variadic(f: (values: readonly number[]) => number, gradient: GradientRule): OpDefinition {
  return {
    infer: (c) => {
      const { types, shape } = inferBroadcast(c);
      return [{ dtype: types[0]?.dtype ?? 'float32', shape }];
    },
    evaluate: (c) => {
      const arrays = c.node.inputs.map((_, i) => requiredArray(c, i));
      return [mapBroadcast(arrays, requiredArray(c, 0).dtype, f)];
    },
    gradients: [gradient],
  };
}

/** dx = g where x was picked, shared among ties, as PyTorch's `maximum`. */
const sharedAmongTies: GradientRule = ({ node, g, index, input, output, op }) => {
  const picked = node.inputs.map((_, i) => asType(op('Equal', [input(i), output(0)]), g.dtype, op));
  const ties = picked.reduce((sum, one) => op('Add', [sum, one]));
  return op('Div', [op('Mul', [g, picked[index] ?? g]), ties]);
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export const variadics: OpFamily<'Max' | 'Mean' | 'Min' | 'Sum'> = {
  Max: variadic((values) => Math.max(...values), sharedAmongTies),
  // y = Σxᵢ/n: dxᵢ = g/n
  Mean: variadic(
    (values) => sum(values) / values.length,
    ({ g, node, op }) => op('Mul', [g, 1 / node.inputs.length]),
  ),
  Min: variadic((values) => Math.min(...values), sharedAmongTies),
  Sum: variadic(sum, ({ g }) => g),
};
