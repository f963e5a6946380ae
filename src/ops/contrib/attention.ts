import { floatAttribute, intAttribute, intsAttribute } from '../../graph/attributes.ts';
import { int } from '../../graph/graph.ts';
import { int64, sizeOf } from '../../tensor.ts';
import type { ExpandContext, ExpandRule, Value } from '../definition.ts';
import { shapeError } from '../shapes.ts';
import { attentionOf, type Heads, joinHeads, splitHeads, vector } from './attention-heads.ts';
import type { ContribFamily } from './family.ts';

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

/** Attention as onnxruntime's own operators have it, `[batch, length, heads·size]`. */
function attend(c: ExpandContext, heads: Pick<Heads, 'q' | 'k' | 'v' | 'added'>): Value {
  const size = heads.q.shape.at(-1) ?? 1;
  const scale = floatAttribute(c.node, 'scale', 0) || 1 / Math.sqrt(size);
  const isCausal = intAttribute(c.node, 'unidirectional', 0) === 1;
  const offset = (heads.k.shape.at(-2) ?? 0) - (heads.q.shape.at(-2) ?? 0);
  return joinHeads(c, attentionOf(c, { ...heads, scale, window: isCausal ? { offset, right: 0 } : {} }).y);
}

/** @throws `graph/shape` where a node brings keys and values of earlier steps: training sees whole sequences. */
export function refusePast(c: ExpandContext, inputs: readonly number[]): void {
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

export const contribAttention: ContribFamily<'Attention' | 'MultiHeadAttention'> = {
  Attention: attention,
  MultiHeadAttention: multiHeadAttention,
};
