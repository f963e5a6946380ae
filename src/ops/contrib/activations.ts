import { GspfError } from '../../errors.ts';
import { floatAttribute, intAttribute, stringAttribute } from '../../graph/attributes.ts';
import { describeNode, int, ints, string } from '../../graph/graph.ts';
import type { ExpandContext, ExpandRule, Value } from '../definition.ts';
import type { ContribFamily } from './family.ts';

/** The last two axes exchanged, where asked for. */
export function swapped({ op }: ExpandContext, x: Value, isSwapped: boolean): Value {
  const rank = x.shape.length;
  if (!isSwapped || rank < 2) return x;
  const axes = x.shape.map((_, axis) => axis);
  return op('Transpose', [x], { perm: ints([...axes.slice(0, -2), rank - 1, rank - 2]) });
}

const gelu = ({ op }: ExpandContext, x: Value, approximate = 'none'): Value =>
  op('Gelu', [x], { approximate: string(approximate) });

/** The activation of a fused node, by its attribute. @throws `graph/operator` for one that gspf lacks. */
function activated({ node, op }: ExpandContext, x: Value, alpha: number, beta: number): Value {
  const name = stringAttribute(node, 'activation', '');
  switch (name) {
    case '':
      return x;
    case 'Relu':
    case 'Sigmoid':
    case 'Tanh':
      return op(name, [x]);
    case 'LeakyRelu':
      return op('Where', [op('Less', [x, 0]), op('Mul', [x, alpha]), x]);
    case 'Clip':
      return op('Clip', [x, alpha, beta]);
    case 'HardSigmoid':
      return op('Clip', [op('Add', [op('Mul', [x, alpha]), beta]), 0, 1]);
    default:
      throw new GspfError('graph/operator', {
        subject: `${describeNode(node)}, attribute "activation"`,
        expected: 'Clip, HardSigmoid, LeakyRelu, Relu, Sigmoid or Tanh',
        got: `"${name}"`,
      });
  }
}

const fusedGemm: ExpandRule = (c) => {
  const { alpha, beta, transA, transB } = c.node.attributes;
  const given = Object.entries({ alpha, beta, transA, transB }).filter(([, value]) => value !== undefined);
  const attributes = Object.fromEntries(given.map(([name, value]) => [name, value ?? int(0)]));
  const y = c.op('Gemm', [c.input(0), c.input(1), c.optional(2)], attributes);
  const { node } = c;
  return [
    activated(
      c,
      y,
      floatAttribute(node, 'activation_alpha', 0.01),
      floatAttribute(node, 'activation_beta', 0),
    ),
  ];
};

const fusedConv: ExpandRule = (c) => {
  const { activation: _, activation_params, ...attributes } = c.node.attributes;
  const y = c.op('Conv', [c.input(0), c.input(1), c.optional(2)], attributes);
  const added = c.optional(3);
  const [alpha = 0.01, beta = 0] = activation_params?.type === 'floats' ? activation_params.value : [];
  return [activated(c, added === undefined ? y : c.op('Add', [y, added]), alpha, beta)];
};

const fusedMatMul: ExpandRule = (c) => {
  const { node } = c;
  if (intAttribute(node, 'transBatchA', 0) !== 0 || intAttribute(node, 'transBatchB', 0) !== 0) {
    throw new GspfError('graph/operator', {
      subject: describeNode(node),
      expected: 'transBatchA and transBatchB 0',
      got: '1',
    });
  }
  const a = swapped(c, c.input(0), intAttribute(node, 'transA', 0) !== 0);
  const b = swapped(c, c.input(1), intAttribute(node, 'transB', 0) !== 0);
  const product = c.op('MatMul', [a, b]);
  const alpha = floatAttribute(node, 'alpha', 1);
  return [alpha === 1 ? product : c.op('Mul', [product, alpha])];
};

const withBias = (c: ExpandContext): Value => {
  const bias = c.optional(1);
  return bias === undefined ? c.input(0) : c.op('Add', [c.input(0), bias]);
};

/** Activations and products with something fused to them. */
export const contribActivations: ContribFamily<
  'BiasGelu' | 'BiasSoftmax' | 'FastGelu' | 'FusedConv' | 'FusedGemm' | 'FusedMatMul' | 'Gelu' | 'QuickGelu'
> = {
  BiasGelu: (c) => [gelu(c, withBias(c))],
  BiasSoftmax: (c) => [c.op('Softmax', [withBias(c)], { axis: int(intAttribute(c.node, 'axis', 1)) })],
  FastGelu: (c) => [gelu(c, withBias(c), 'tanh')],
  FusedConv: fusedConv,
  FusedGemm: fusedGemm,
  FusedMatMul: fusedMatMul,
  Gelu: (c) => [gelu(c, c.input(0))],
  QuickGelu: (c) => {
    const x = c.input(0);
    const alpha = floatAttribute(c.node, 'alpha', 1.702);
    return [c.op('Mul', [x, c.op('Sigmoid', [c.op('Mul', [x, alpha])])])];
  },
};
