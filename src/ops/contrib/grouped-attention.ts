import { floatAttribute, intAttribute } from '../../graph/attributes.ts';
import { int } from '../../graph/graph.ts';
import { int64 } from '../../tensor.ts';
import type { ExpandContext, ExpandRule, Value } from '../definition.ts';
import { refusal } from '../shapes.ts';
import { refusePast } from './attention.ts';
import { attentionOf, joinHeads, repeatHeads, splitHeads, vector } from './attention-heads.ts';
import type { ContribFamily } from './family.ts';
import { rotated } from './rotary.ts';

/** @throws `graph/operator` for an input that is there. */
function refuseInput(c: ExpandContext, i: number, what: string): void {
  if (c.optional(i) !== undefined) throw refusal(c.node, `no ${what}`, `input ${i}`);
}

/** ONNX's Attention (23): heads apart or side by side, several of queries to one of keys. */
export const onnxAttention: ExpandRule = (c) => {
  const { node, input, optional } = c;
  refusePast(c, [4, 5]);
  refuseInput(c, 6, 'lengths of keys');
  const isFlat = input(0).shape.length === 3;
  const heads = (x: Value, name: string): Value =>
    isFlat ? splitHeads(c, x, intAttribute(node, name, 1)) : x;
  const q = heads(input(0), 'q_num_heads');
  const [k, v] = [heads(input(1), 'kv_num_heads'), heads(input(2), 'kv_num_heads')];
  const times = (q.shape[1] ?? 1) / (k.shape[1] ?? 1);
  const mask = optional(3);
  const [left, right] = ['left_window_size', 'right_window_size'].map((name) => intAttribute(node, name, -1));
  const isCausal = intAttribute(node, 'is_causal', 0) === 1;
  const { weights, y } = attentionOf(c, {
    q,
    k: repeatHeads(c, k, times),
    v: repeatHeads(c, v, times),
    scale: floatAttribute(node, 'scale', 1 / Math.sqrt(q.shape.at(-1) ?? 1)),
    cap: floatAttribute(node, 'softcap', 0),
    added: [mask?.dtype === 'bool' ? undefined : mask],
    keep: mask?.dtype === 'bool' ? mask : undefined,
    window: {
      ...(left === undefined || left < 0 ? {} : { left }),
      ...(isCausal ? { right: 0 } : right === undefined || right < 0 ? {} : { right }),
    },
  });
  const results = [isFlat ? joinHeads(c, y) : y, k, v];
  if ((node.outputs[3] ?? '') === '') return results;
  const mode = intAttribute(node, 'qk_matmul_output_mode', 0);
  // Opset 24 gave the modes between another meaning.
  if (mode !== 3) throw refusal(node, 'qk_matmul_output_mode 3: the weights', `${mode}`);
  return [...results, weights];
};

/** onnxruntime's GroupQueryAttention of a whole sequence: causal, its positions counted from 0. */
const groupQueryAttention: ExpandRule = (c) => {
  const { node, input, optional, ops, constant } = c;
  refusePast(c, [3, 4]);
  refuseInput(c, 11, 'sinks of heads');
  if (intAttribute(node, 'smooth_softmax', 0) === 1) throw refusal(node, 'smooth_softmax 0', '1');
  const [heads, groups] = [intAttribute(node, 'num_heads', 1), intAttribute(node, 'kv_num_heads', 1)];
  const packed = input(0);
  const [, length = 1, width = 1] = packed.shape;
  const keys = optional(1);
  const size = width / (keys === undefined ? heads + 2 * groups : heads);
  const parts =
    keys === undefined
      ? ops('Split', [packed, vector(c, [heads * size, groups * size, groups * size])], { axis: int(2) }, 3)
      : [packed, keys, input(2)];
  const [q = packed, k = packed, v = packed] = parts.map((part, i) =>
    splitHeads(c, part, i === 0 ? heads : groups),
  );
  const turned = (x: Value): Value => {
    if (intAttribute(node, 'do_rotary', 0) === 0) return x;
    const count = Array.from({ length }, (_, i) => i);
    return rotated(c, x, {
      cos: input(7),
      sin: input(8),
      positions: optional(9) ?? constant(int64([1, length], count)),
      interleaved: intAttribute(node, 'rotary_interleaved', 0) === 1,
    });
  };
  // A window of n keys ends with the query's own.
  const left = intAttribute(node, 'local_window_size', -1) - 1;
  const present = turned(k);
  const { y } = attentionOf(c, {
    q: turned(q),
    k: repeatHeads(c, present, heads / groups),
    v: repeatHeads(c, v, heads / groups),
    scale: floatAttribute(node, 'scale', 0) || 1 / Math.sqrt(size),
    cap: floatAttribute(node, 'softcap', 0),
    added: [optional(10)],
    window: left < 0 ? { right: 0 } : { left, right: 0 },
  });
  return [joinHeads(c, y), present, v];
};

export const groupedAttention: ContribFamily<'GroupQueryAttention'> = {
  GroupQueryAttention: groupQueryAttention,
};
