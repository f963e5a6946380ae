import { intAttribute } from '../../graph/attributes.ts';
import { int } from '../../graph/graph.ts';
import { int64, sizeOf } from '../../tensor.ts';
import type { ExpandContext, ExpandRule, Value } from '../definition.ts';
import { joinHeads, splitHeads, vector } from './attention-heads.ts';
import type { ContribFamily } from './family.ts';

/** Angles by position, and which features form a pair: those of the two halves, or with `interleaved` neighbours. */
export interface Rotation {
  readonly cos: Value;
  readonly sin: Value;
  /** The position of each place, or of the first; without them the tables hold a row for each place. */
  readonly positions: Value | undefined;
  readonly interleaved: boolean;
}

/** Pairs of features of `[batch, heads, length, size]`, turned by an angle that grows with the position. */
export function rotated(
  c: ExpandContext,
  apart: Value,
  { cos: cosTable, sin: sinTable, positions: given, interleaved }: Rotation,
): Value {
  const { op, ops, reshape, constant } = c;
  const half = cosTable.shape.at(-1) ?? 1;
  const turns = 2 * half;
  const [batch = 1, count = 1, length = 1, size = 1] = apart.shape;
  const steps = constant(
    int64(
      [1, length],
      Array.from({ length }, (_, i) => i),
    ),
  );
  const positions =
    given !== undefined && sizeOf(given.shape) === 1 ? op('Add', [reshape(given, [1, 1]), steps]) : given;
  const rows = (positions ?? cosTable).shape[0] ?? 1;
  const angle = (table: Value): Value =>
    reshape(positions === undefined ? table : op('Gather', [table, positions]), [rows, 1, length, half]);
  const [cos, sin] = [angle(cosTable), angle(sinTable)];
  const [turning = apart, rest] =
    size === turns ? [apart] : ops('Split', [apart, vector(c, [turns, size - turns])], { axis: int(3) }, 2);
  const pairs = interleaved ? reshape(turning, [batch, count, length, half, 2]) : turning;
  const axis = interleaved ? 4 : 3;
  const sizes = vector(c, interleaved ? [1, 1] : [half, half]);
  const [a = apart, b = apart] = ops('Split', [pairs, sizes], { axis: int(axis) }, 2).map((part) =>
    reshape(part, [batch, count, length, half]),
  );
  const first = op('Sub', [op('Mul', [a, cos]), op('Mul', [b, sin])]);
  const second = op('Add', [op('Mul', [a, sin]), op('Mul', [b, cos])]);
  const column = (value: Value): Value => (interleaved ? reshape(value, [...value.shape, 1]) : value);
  const joined = op('Concat', [column(first), column(second)], { axis: int(axis) });
  const turned = reshape(joined, [batch, count, length, turns]);
  return rest === undefined ? turned : op('Concat', [turned, rest], { axis: int(3) });
}

/** The same of an operator's first input, which has its heads apart or side by side. */
function rotatedInput(c: ExpandContext, cos: Value, sin: Value, positions: Value | undefined): Value {
  const x = c.input(0);
  const interleaved = intAttribute(c.node, 'interleaved', 0) === 1;
  const rotation = { cos, sin, positions, interleaved };
  if (x.shape.length !== 3) return rotated(c, x, rotation);
  const turns = 2 * (cos.shape.at(-1) ?? 1);
  const heads = intAttribute(c.node, 'num_heads', 0) || sizeOf(x.shape.slice(2)) / turns;
  return joinHeads(c, rotated(c, splitHeads(c, x, heads), rotation));
}

/** ONNX's RotaryEmbedding (23): without positions its tables hold a row for each place. */
export const rotaryEmbedding: ExpandRule = (c) => [rotatedInput(c, c.input(1), c.input(2), c.optional(3))];

export const contribRotary: ContribFamily<'RotaryEmbedding'> = {
  RotaryEmbedding: (c) => [rotatedInput(c, c.input(2), c.input(3), c.input(1))],
};
