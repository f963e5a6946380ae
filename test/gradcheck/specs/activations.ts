import { type Attributes, float } from '../../../src/graph/graph.ts';
import type { OpType } from '../../../src/ops/definition.ts';
import { nonzero, numbers, real, type Spec, spec } from '../spec.ts';

/** The default attributes on three shapes, and every set of others. */
const activation = (op: OpType, ...others: Readonly<Record<string, number>>[]): Spec[] => [
  spec(op, 'a matrix', [nonzero(3, 4)]),
  spec(op, 'a scalar', [nonzero()]),
  spec(op, 'no elements', [nonzero(0, 2)]),
  spec(op, 'far out', [numbers([6], [-40, -8, -4, 4, 8, 40])]),
  ...others.map((values) => {
    const about = Object.entries(values).map(([name, value]) => `${name} ${value}`);
    const attributes: Attributes = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, float(value)]),
    );
    return spec(op, about.join(', '), [nonzero(2, 5)], attributes);
  }),
];

export const activationSpecs: readonly Spec[] = [
  ...activation('Celu', { alpha: 0.5 }, { alpha: 3 }),
  ...activation('Elu', { alpha: 0.5 }, { alpha: 2 }),
  ...activation('HardSigmoid', { alpha: 0.125, beta: 0.5 }, { alpha: 0.75, beta: 0.25 }),
  ...activation('HardSwish'),
  spec('HardSwish', 'all three pieces', [numbers([6], [-5, -3.5, -1, 1, 2.5, 3.5])]),
  ...activation('LeakyRelu', { alpha: 0.25 }, { alpha: -0.5 }),
  ...activation('Mish'),
  ...activation('Selu', { alpha: 2, gamma: 0.5 }),
  ...activation('Shrink', { lambd: 0.75, bias: 0.25 }, { bias: -1 }),
  ...activation('Softplus'),
  ...activation('Softsign'),
  ...activation('ThresholdedRelu', { alpha: 0.25 }, { alpha: -0.25 }),
  spec('PRelu', 'one slope', [nonzero(2, 3), real(1)]),
  spec('PRelu', 'a slope for each channel', [nonzero(2, 3, 2, 2), real(3, 1, 1)]),
  spec('PRelu', 'a slope for each element', [nonzero(2, 3), real(2, 3)]),
  spec('PRelu', 'a scalar slope', [nonzero(3), real()]),
];
