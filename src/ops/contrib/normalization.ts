import { floatAttribute } from '../../graph/attributes.ts';
import { float, int } from '../../graph/graph.ts';
import { int64 } from '../../tensor.ts';
import type { ExpandContext, ExpandRule, Value } from '../definition.ts';
import type { ContribFamily } from './family.ts';

/** What the fused forms take where the node names none. */
const EPSILON = 1e-12;

/** Output 0 and, three places on, the sum that was normalised; the statistics between are for onnxruntime's own use. */
const withSum = (y: Value, sum: Value): readonly Value[] => [y, y, y, sum];

/** The inputs added up, those that are there. */
function total({ op }: ExpandContext, terms: readonly (Value | undefined)[]): Value {
  return terms.filter((term) => term !== undefined).reduce((sum, term) => op('Add', [sum, term]));
}

const layerNormalization = (c: ExpandContext, x: Value, gamma: Value, beta: Value | undefined): Value =>
  c.op('LayerNormalization', [x, gamma, beta], {
    axis: int(-1),
    epsilon: float(floatAttribute(c.node, 'epsilon', EPSILON)),
  });

/** y = x/√(mean x² + ε)·γ over the last axis. */
function rootMeanSquare(
  { op, constant, node }: ExpandContext,
  x: Value,
  gamma: Value,
  fallback: number,
): Value {
  const mean = op('ReduceMean', [op('Mul', [x, x]), constant(int64([1], [-1]))]);
  const deviation = op('Sqrt', [op('Add', [mean, floatAttribute(node, 'epsilon', fallback)])]);
  return op('Mul', [op('Div', [x, deviation]), gamma]);
}

/** Words, positions and, with two kinds of text, segments; the mask's row sums come along. */
const embed: ExpandRule = (c) => {
  const { op, constant } = c;
  const ids = c.input(0);
  const [, length = 0] = ids.shape;
  const count = Array.from({ length }, (_, i) => i);
  const positions = c.optional(8) ?? constant(int64([1, length], count));
  const [segments, segmentTable] = [c.optional(1), c.optional(4)];
  const sum = total(c, [
    op('Gather', [c.input(2), ids]),
    op('Gather', [c.input(3), positions]),
    segments === undefined || segmentTable === undefined ? undefined : op('Gather', [segmentTable, segments]),
  ]);
  const mask = c.optional(7);
  const lengths =
    mask === undefined
      ? c.zeros([ids.shape[0] ?? 0], 'int32')
      : op('ReduceSum', [mask, constant(int64([1], [1]))], { keepdims: int(0) });
  return [layerNormalization(c, sum, c.input(5), c.input(6)), lengths, sum];
};

export const contribNormalization: ContribFamily<
  | 'EmbedLayerNormalization'
  | 'SimplifiedLayerNormalization'
  | 'SkipLayerNormalization'
  | 'SkipSimplifiedLayerNormalization'
> = {
  EmbedLayerNormalization: embed,
  SimplifiedLayerNormalization: (c) => [rootMeanSquare(c, c.input(0), c.input(1), 1e-5)],
  SkipLayerNormalization: (c) => {
    const sum = total(c, [c.input(0), c.input(1), c.optional(4)]);
    return withSum(layerNormalization(c, sum, c.input(2), c.optional(3)), sum);
  },
  SkipSimplifiedLayerNormalization: (c) => {
    const sum = total(c, [c.input(0), c.input(1), c.optional(3)]);
    return withSum(rootMeanSquare(c, sum, c.input(2), EPSILON), sum);
  },
};
