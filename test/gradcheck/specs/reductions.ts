import { int } from '../../../src/graph/graph.ts';
import type { OpType } from '../../../src/ops/definition.ts';
import { indices, list, nonzero, numbers, positive, real, type Spec, type SpecInput, spec } from '../spec.ts';

const dropped = { keepdims: int(0) };

/** A reduction over every kind of axes. */
const reduction = (op: OpType, domain: (...shape: number[]) => SpecInput): Spec[] => [
  spec(op, 'all axes', [domain(2, 3)]),
  spec(op, 'all axes, dropped', [domain(2, 3)], dropped),
  spec(op, 'the last axis', [domain(2, 3, 4), list(-1)]),
  spec(op, 'a middle axis, dropped', [domain(2, 3, 4), list(1)], dropped),
  spec(op, 'two axes', [domain(2, 3, 4), list(0, 2)]),
  spec(op, 'two axes in falling order, dropped', [domain(2, 3, 4), list(2, 0)], dropped),
  spec(op, 'extent 1', [domain(2, 1), list(1)], dropped),
  spec(op, 'no axes: all', [domain(2, 3), list()], dropped),
];

export const reductionSpecs: readonly Spec[] = [
  ...reduction('ReduceL1', nonzero),
  ...reduction('ReduceL2', nonzero),
  ...reduction('ReduceLogSum', positive),
  ...reduction('ReduceLogSumExp', real),
  ...reduction('ReduceMax', real),
  ...reduction('ReduceMean', real),
  ...reduction('ReduceMin', real),
  ...reduction('ReduceProd', nonzero),
  ...reduction('ReduceSum', real),
  ...reduction('ReduceSumSquare', real),
  spec('ReduceSum', 'no axes: none', [real(2, 3), list()], { noop_with_empty_axes: int(1) }),
  spec('ReduceMean', 'no axes: none', [real(2, 3)], { noop_with_empty_axes: int(1) }),
  spec('ReduceMax', 'no axes: none', [real(2, 3)], { noop_with_empty_axes: int(1) }),
  spec('ReduceMax', 'int64', [indices([2, 2], [1, -4, 3, 9]), list(0)]),
  spec('ReduceProd', 'one zero in a row, two in another', [
    numbers([3, 3], [2, 0, 3, 0, 0, 5, 1, -2, 4]),
    list(1),
  ]),
  spec('ReduceLogSumExp', 'large numbers', [numbers([2, 2], [80, 81, -90, -88]), list(1)]),
];
