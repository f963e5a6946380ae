import { GspfError } from '../errors.ts';
import { intAttribute } from '../graph/attributes.ts';
import { elementTypeNumber } from '../graph/element-types.ts';
import { describeNode, int, ints, type Node } from '../graph/graph.ts';
import { type ContribType, contribTypes } from '../onnx/contrib.ts';
import { contribActivations } from './contrib/activations.ts';
import { contribAttention } from './contrib/attention.ts';
import { groupedAttention, onnxAttention } from './contrib/grouped-attention.ts';
import { contribNormalization } from './contrib/normalization.ts';
import { contribQuantization } from './contrib/quantization.ts';
import { contribRotary, rotaryEmbedding } from './contrib/rotary.ts';
import type { ExpandContext, ExpandRule, Value } from './definition.ts';
import { asOpset20 } from './quantization.ts';
import { asScatterElements } from './scattering.ts';

/** What takes the place of onnxruntime's own operators. A name in `contribTypes` without a rule does not compile. */
const contrib: { readonly [T in ContribType]: ExpandRule } = {
  ...contribActivations,
  ...contribAttention,
  ...contribNormalization,
  ...contribQuantization,
  ...contribRotary,
  ...groupedAttention,
};

/** In evaluation, which is what gspf makes graphs of, dropout does nothing; its mask keeps everything. */
const dropout: ExpandRule = (c) => {
  const training = c.optional(2);
  const decided = training === undefined ? 0 : c.known(training)?.data[0];
  if (Number(decided ?? 1) !== 0) {
    throw new GspfError('graph/operator', {
      subject: describeNode(c.node),
      expected: 'training_mode false: gspf adds dropout of its own, which can be resumed',
      got: decided === undefined ? 'one that depends on the data' : 'true',
      hint: 'Export the model in evaluation mode.',
    });
  }
  const x = c.input(0);
  return [x, c.op('Equal', [c.zeros(x.shape, 'float32'), 0])];
};

/** Sequences along the second axis, which onnxruntime does not run, brought into the first and back. */
const timeFirst: ExpandRule = (c) => {
  const { node, op, ops } = c;
  if (intAttribute(node, 'layout', 0) === 0) return undefined;
  const { layout: _, ...attributes } = node.attributes;
  const swap = (x: Value, perm: readonly number[]): Value => op('Transpose', [x], { perm: ints(perm) });
  const inputs = node.inputs.map((_name, i) => {
    const value = c.optional(i);
    return value !== undefined && [0, 5, 6].includes(i) ? swap(value, [1, 0, 2]) : value;
  });
  const opType = node.opType === 'LSTM' ? 'LSTM' : node.opType === 'GRU' ? 'GRU' : 'RNN';
  const [y, ...states] = ops(opType, inputs, attributes, opType === 'LSTM' ? 3 : 2);
  return [
    ...(y === undefined ? [] : [swap(y, [2, 0, 1, 3])]),
    ...states.map((state) => swap(state, [1, 0, 2])),
  ];
};

const rewrites: Readonly<Record<string, ExpandRule>> = {
  ...Object.fromEntries(contribTypes.map((type) => [`com.microsoft.${type}`, contrib[type]])),
  Attention: onnxAttention,
  CastLike: ({ input, op }: ExpandContext) => {
    const [x, like] = [input(0), input(1)];
    return [x.dtype === like.dtype ? x : op('Cast', [x], { to: int(elementTypeNumber(like.dtype)) })];
  },
  DequantizeLinear: asOpset20,
  Dropout: dropout,
  GRU: timeFirst,
  LSTM: timeFirst,
  QuantizeLinear: asOpset20,
  RNN: timeFirst,
  RotaryEmbedding: rotaryEmbedding,
  ScatterND: (c) => (c.node.attributes['reduction'] === undefined ? undefined : asScatterElements(c)),
};

/** What always takes the place of a node once its types are known, if anything does. */
export function rewriteOf({ opType }: Node): ExpandRule | undefined {
  return Object.hasOwn(rewrites, opType) ? rewrites[opType] : undefined;
}

/** The operators that other nodes take the place of: always, or in some of their forms. */
export const rewrittenTypes: readonly string[] = [...Object.keys(rewrites), 'If', 'Loop', 'Scan'];
