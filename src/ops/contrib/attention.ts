import { floatAttribute, intAttribute, intsAttribute } from '../../graph/attributes.ts';
import { int, ints } from '../../graph/graph.ts';
import { int64, sizeOf } from '../../tensor.ts';
import type { ExpandContext, ExpandRule, Value } from '../definition.ts';
import { shapeError } from '../shapes.ts';
import { swapped } from './activations.ts';
import type { ContribFamily } from './family.ts';

const vector = ({ constant }: ExpandContext, values: readonly number[]): Value =>
  constant(int64([values.length], values));

/** `[batch, length, heads·size]` as `[batch, heads, length, size]`. */
function splitHeads({ op, reshape }: ExpandContext, x: Value, heads: number): Value {
  const [batch = 1, length = 1, width = 1] = x.shape;
  const apart = reshape(x, [batch, length, heads, width / heads]);
  return op('Transpose', [apart], { perm: ints([0, 2, 1, 3]) });
}

/** `[batch, heads, length, size]` as `[batch, length, heads·size]`. */
function joinHeads({ op, reshape }: ExpandContext, x: Value): Value {
  const [batch = 1, heads = 1, length = 1, size = 1] = x.shape;
  return reshape(op('Transpose', [x], { perm: ints([0, 2, 1, 3]) }), [batch, length, heads * size]);
}

/** What a mask adds to the scores: 0 where it is not 0, the node's `mask_filter_value` elsewhere. */
function masked({ node, op }: ExpandContext, keep: Value, like: Value): Value {
  const filter = op('Mul', [op('Cast', [op('Equal', [keep, 0])], { to: int(floatNumber(like)) }), 1]);
  return op('Mul', [filter, floatAttribute(node, 'mask_filter_value', -10000)]);
}

const floatNumber = ({ dtype }: Value): number => (dtype === 'float64' ? 11 : 1);

/** A mask of keys, in any of the forms that Attention takes, so that it broadcasts against the scores. */
function keyMask(c: ExpandContext, mask: Value, batch: number, keys: number): Value {
  const { op, reshape, constant } = c;
  if (mask.shape.length === 1) {
    const [count = 0] = mask.shape;
    if (count !== batch) throw shapeError(c.node, `mask lengths [${batch}]`, `[${mask.shape}]`);
    const positions = constant(
      int64(
        [1, keys],
        Array.from({ length: keys }, (_, i) => i),
      ),
    );
    const lengths = op('Cast', [reshape(mask, [batch, 1])], { to: int(7) });
    const inside = op('Cast', [op('Less', [positions, lengths])], { to: int(7) });
    return reshape(inside, [batch, 1, 1, keys]);
  }
  const [rows = 1, ...rest] = mask.shape;
  if (rest.length === 1) return reshape(mask, [rows, 1, 1, keys]);
  return rest.length === 2 ? reshape(mask, [rows, 1, ...rest]) : mask;
}

interface Heads {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  /** Terms that are added to the scores. */
  readonly added: readonly (Value | undefined)[];
}

/** softmax(q·kᵀ·scale + …)·v, `[batch, length, heads·size]`. */
function attend(c: ExpandContext, { q, k, v, added }: Heads): Value {
  const { node, op, constant } = c;
  const size = q.shape.at(-1) ?? 1;
  const scale = floatAttribute(node, 'scale', 0) || 1 / Math.sqrt(size);
  const scores = op('Mul', [op('MatMul', [q, swapped(c, k, true)]), scale]);
  const [queries = 0, keys = 0] = [q.shape.at(-2), k.shape.at(-2)];
  const sum = added
    .filter((term) => term !== undefined)
    .reduce((total, term) => op('Add', [total, term]), scores);
  const isCausal = intAttribute(node, 'unidirectional', 0) === 1;
  const past = Uint8Array.from({ length: queries * keys }, (_, at) =>
    (at % keys) - Math.floor(at / keys) > keys - queries ? 0 : 1,
  );
  const visible = isCausal
    ? op('Where', [
        constant({ dtype: 'bool', shape: [queries, keys], data: past }),
        sum,
        Number.NEGATIVE_INFINITY,
      ])
    : sum;
  return joinHeads(c, op('MatMul', [op('Softmax', [visible], { axis: int(-1) }), v]));
}

/** @throws `graph/shape` where a node brings keys and values of earlier steps: training sees whole sequences. */
function refusePast(c: ExpandContext, inputs: readonly number[]): void {
  for (const i of inputs) {
    const past = c.optional(i);
    if (past !== undefined && sizeOf(past.shape) > 0) {
      throw shapeError(c.node, `no keys and values of earlier steps in input ${i}`, `[${past.shape}]`);
    }
  }
}

/** Q, K and V from one product, then attention. */
const attention: ExpandRule = (c) => {
  const { node, op, ops, input, optional } = c;
  refusePast(c, [4]);
  const x = input(0);
  const [batch = 1, length = 1] = x.shape;
  const heads = intAttribute(node, 'num_heads', 1);
  const third = (input(1).shape[1] ?? 0) / 3;
  const widths = intsAttribute(node, 'qkv_hidden_sizes') ?? [third, third, third];
  const bias = optional(2);
  const product = op('MatMul', [x, input(1)]);
  const projected = bias === undefined ? product : op('Add', [product, bias]);
  const [q = x, k = x, v = x] = ops('Split', [projected, vector(c, widths)], { axis: int(2) }, 3).map(
    (part) => splitHeads(c, part, heads),
  );
  const mask = optional(3);
  const added = [mask && masked(c, keyMask(c, mask, batch, length), x), optional(5)];
  return [attend(c, { q, k, v, added })];
};

/** Attention between given queries, keys and values, apart or packed. */
const multiHeadAttention: ExpandRule = (c) => {
  const { node, op, ops, input, optional, reshape } = c;
  refusePast(c, [6, 7]);
  const heads = intAttribute(node, 'num_heads', 1);
  const packed = input(0);
  const [batch = 1, length = 1, , , size = 1] = packed.shape;
  const unpacked = (): readonly Value[] =>
    ops('Split', [packed, vector(c, [1, 1, 1])], { axis: int(3) }, 3).map((part) =>
      reshape(part, [batch, length, heads * size]),
    );
  const given = packed.shape.length === 5 ? unpacked() : [packed, input(1), input(2)];
  const widths = given.map((value) =>
    value.shape.length === 4 ? heads * (value.shape[3] ?? 1) : (value.shape[2] ?? 1),
  );
  const bias = optional(3);
  const biases = bias === undefined ? [] : ops('Split', [bias, vector(c, widths)], { axis: int(0) }, 3);
  const [q = packed, k = packed, v = packed] = given.map((value, i) => {
    if (value.shape.length === 4) return value;
    const part = biases[i];
    return splitHeads(c, part === undefined ? value : op('Add', [value, part]), heads);
  });
  const mask = optional(4);
  const added = [mask && masked(c, keyMask(c, mask, batch, k.shape[2] ?? 1), packed), optional(5)];
  return [attend(c, { q, k, v, added }), k, v];
};

/** Pairs of features turned by an angle that grows with the position: halves, or with `interleaved` neighbours. */
function rotated(c: ExpandContext, cosTable: Value, sinTable: Value, given: Value | undefined): Value {
  const { node, op, ops, input, reshape, constant } = c;
  const x = input(0);
  const half = cosTable.shape.at(-1) ?? 1;
  const turns = 2 * half;
  const heads = intAttribute(node, 'num_heads', 0) || sizeOf(x.shape.slice(2)) / turns;
  const isFlat = x.shape.length === 3;
  const apart = isFlat ? splitHeads(c, x, heads) : x;
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
  const interleaved = intAttribute(node, 'interleaved', 0) === 1;
  const pairs = interleaved ? reshape(turning, [batch, count, length, half, 2]) : turning;
  const axis = interleaved ? 4 : 3;
  const sizes = vector(c, interleaved ? [1, 1] : [half, half]);
  const [a = x, b = x] = ops('Split', [pairs, sizes], { axis: int(axis) }, 2).map((part) =>
    reshape(part, [batch, count, length, half]),
  );
  const first = op('Sub', [op('Mul', [a, cos]), op('Mul', [b, sin])]);
  const second = op('Add', [op('Mul', [a, sin]), op('Mul', [b, cos])]);
  const column = (value: Value): Value => (interleaved ? reshape(value, [...value.shape, 1]) : value);
  const joined = op('Concat', [column(first), column(second)], { axis: int(axis) });
  const turned = reshape(joined, [batch, count, length, turns]);
  const whole = rest === undefined ? turned : op('Concat', [turned, rest], { axis: int(3) });
  return isFlat ? joinHeads(c, whole) : whole;
}

/** ONNX's RotaryEmbedding (23): without positions its tables hold a row for each place. */
export const rotaryEmbedding: ExpandRule = (c) => [rotated(c, c.input(1), c.input(2), c.optional(3))];

export const contribAttention: ContribFamily<'Attention' | 'MultiHeadAttention' | 'RotaryEmbedding'> = {
  Attention: attention,
  MultiHeadAttention: multiHeadAttention,
  RotaryEmbedding: (c) => [rotated(c, c.input(2), c.input(3), c.input(1))],
};
