import { int, ints } from '../../graph/graph.ts';
import { int64 } from '../../tensor.ts';
import type { ExpandContext, Value } from '../definition.ts';
import { swapped } from './activations.ts';

/** A list of extents. */
export const vector = ({ constant }: ExpandContext, values: readonly number[]): Value =>
  constant(int64([values.length], values));

/** `[batch, length, heads·size]` as `[batch, heads, length, size]`. */
export function splitHeads({ op, reshape }: ExpandContext, x: Value, heads: number): Value {
  const [batch = 1, length = 1, width = 1] = x.shape;
  const apart = reshape(x, [batch, length, heads, width / heads]);
  return op('Transpose', [apart], { perm: ints([0, 2, 1, 3]) });
}

/** `[batch, heads, length, size]` as `[batch, length, heads·size]`. */
export function joinHeads({ op, reshape }: ExpandContext, x: Value): Value {
  const [batch = 1, heads = 1, length = 1, size = 1] = x.shape;
  return reshape(op('Transpose', [x], { perm: ints([0, 2, 1, 3]) }), [batch, length, heads * size]);
}

/** Each head of keys or values, `[batch, heads, length, size]`, for `times` heads of queries one after another. */
export function repeatHeads({ op, reshape, constant }: ExpandContext, x: Value, times: number): Value {
  if (times === 1) return x;
  const [batch = 1, heads = 1, length = 1, size = 1] = x.shape;
  const shape = [batch, heads, times, length, size];
  const repeated = op('Expand', [
    reshape(x, [batch, heads, 1, length, size]),
    constant(int64([shape.length], shape)),
  ]);
  return reshape(repeated, [batch, heads * times, length, size]);
}

/** The keys that a query sees: from `left` places before its own to `right` after, its own being `offset` on. */
export interface Window {
  readonly offset?: number;
  readonly left?: number;
  readonly right?: number;
}

/** Queries, keys and values of as many heads, `[batch, heads, length, size]`, and what becomes of their scores. */
export interface Heads {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  readonly scale: number;
  /** Scores s become cap·tanh(s/cap); 0 leaves them. */
  readonly cap?: number;
  /** Terms that are added to the scores. */
  readonly added: readonly (Value | undefined)[];
  /** Truth values: the scores that count. */
  readonly keep?: Value | undefined;
  readonly window: Window;
}

/** softmax(cap(q·kᵀ·scale) + …)·v, with the weights: a query that sees no key has zeros. */
export function attentionOf(c: ExpandContext, heads: Heads): { readonly weights: Value; readonly y: Value } {
  const { op, constant } = c;
  const { q, k, v, scale, cap = 0, added, keep, window } = heads;
  const scores = op('Mul', [op('MatMul', [q, swapped(c, k, true)]), scale]);
  const capped = cap === 0 ? scores : op('Mul', [op('Tanh', [op('Div', [scores, cap])]), cap]);
  const sum = added
    .filter((term) => term !== undefined)
    .reduce((total, term) => op('Add', [total, term]), capped);
  const kept = keep === undefined ? sum : op('Where', [keep, sum, Number.NEGATIVE_INFINITY]);
  const [queries = 0, keys = 0] = [q.shape.at(-2), k.shape.at(-2)];
  const seen = inWindow(queries, keys, window);
  const visible = seen.every((flag) => flag === 1)
    ? kept
    : op('Where', [
        constant({ dtype: 'bool', shape: [queries, keys], data: seen }),
        kept,
        Number.NEGATIVE_INFINITY,
      ]);
  const softmax = op('Softmax', [visible], { axis: int(-1) });
  const weights = visible === sum ? softmax : op('Where', [op('IsNaN', [softmax]), 0, softmax]);
  return { weights, y: op('MatMul', [weights, v]) };
}

function inWindow(queries: number, keys: number, { offset = 0, left, right }: Window): Uint8Array {
  return Uint8Array.from({ length: queries * keys }, (_, at) => {
    const distance = (at % keys) - Math.floor(at / keys) - offset;
    return (left === undefined || distance >= -left) && (right === undefined || distance <= right) ? 1 : 0;
  });
}
