import { GspfError } from '../errors.ts';
import { stringAttribute } from '../graph/attributes.ts';
import { describeNode, int, type Node, string } from '../graph/graph.ts';
import { int64, sizeOf } from '../tensor.ts';
import type {
  ExpandRule,
  GradientContext,
  GradientRule,
  OpDefinition,
  OpFamily,
  Value,
} from './definition.ts';
import { asType } from './elementwise.ts';
import { elementAxis, elementOffsets, sliceOffsets, spread } from './indexing.ts';
import { requiredArray, requiredType, stridesOf } from './shapes.ts';

type Reduction = 'none' | 'add' | 'mul' | 'max' | 'min';

/** How a scatter joins an update to what is there. */
const joins: { readonly [R in Reduction]: (old: number, update: number) => number } = {
  none: (_, update) => update,
  add: (old, update) => old + update,
  mul: (old, update) => old * update,
  max: Math.max,
  min: Math.min,
};

const isReduction = (name: string): name is Reduction => Object.hasOwn(joins, name);

function reductionOf(node: Node): Reduction {
  const reduction = stringAttribute(node, 'reduction', 'none');
  if (isReduction(reduction)) return reduction;
  throw new GspfError('graph/operator', {
    subject: `${describeNode(node)}, attribute "reduction"`,
    expected: Object.keys(joins).join(', '),
    got: `"${reduction}"`,
  });
}

function scatterInto(
  data: Float64Array,
  targets: Int32Array,
  updates: Float64Array,
  node: Node,
): Float64Array {
  const join = joins[reductionOf(node)];
  const result = data.slice();
  targets.forEach((target, i) => {
    result[target] = join(result[target] ?? 0, updates[i] ?? 0);
  });
  return result;
}

/** Scatters along the node's axis and gathers from there, for the gradients of ScatterElements. */
function alongAxis(c: GradientContext) {
  const { node, op } = c;
  const data = c.input(0);
  const axis = int(elementAxis(node, data.shape));
  const indices = c.input(1);
  return {
    scatter: (into: Value, updates: Value, reduction: Reduction): Value =>
      op('ScatterElements', [into, indices, updates], { axis, reduction: string(reduction) }),
    gather: (from: Value): Value => op('GatherElements', [from, indices], { axis }),
  };
}

/** The derivative of each place's product by x, one of its factors: the product of the others, zeros or not. */
function othersProduct(c: GradientContext): Value {
  const { op, index } = c;
  const { scatter, gather } = alongAxis(c);
  const [data, updates] = [c.input(0), c.input(2)];
  const zerosOf = (value: Value): Value => asType(op('Equal', [value, 0]), value.dtype, op);
  const withoutZeros = (value: Value): Value => op('Where', [op('Equal', [value, 0]), 1, value]);
  const product = scatter(withoutZeros(data), withoutZeros(updates), 'mul');
  const count = scatter(zerosOf(data), zerosOf(updates), 'add');
  const here = index === 0 ? (value: Value) => value : gather;
  const [p, zeros] = [here(product), here(count)];
  const atZero = op('Where', [op('Equal', [zeros, 1]), p, 0]);
  const elsewhere = op('Where', [op('Equal', [zeros, 0]), op('Div', [p, withoutZeros(c.x)]), 0]);
  return op('Mul', [here(c.g), op('Where', [op('Equal', [c.x, 0]), atZero, elsewhere])]);
}

/** 1 where x is the extreme that its place kept, in equal parts among ties, as PyTorch's `scatter_reduce`. */
function shareOfExtreme(c: GradientContext): Value {
  const { op } = c;
  const { scatter, gather } = alongAxis(c);
  const y = c.output(0);
  const picked = (value: Value, kept: Value): Value => asType(op('Equal', [value, kept]), value.dtype, op);
  const [data, updates] = [picked(c.input(0), y), picked(c.input(2), gather(y))];
  const share = op('Div', [c.g, scatter(data, updates, 'add')]);
  return c.index === 0 ? op('Mul', [share, data]) : op('Mul', [gather(share), updates]);
}

const dataGradient: GradientRule = (c) => {
  switch (reductionOf(c.node)) {
    case 'none':
      // d data = g, but 0 where an update replaced it
      return alongAxis(c).scatter(c.g, c.zeros(c.input(2).shape), 'none');
    case 'add':
      return c.g;
    case 'mul':
      return othersProduct(c);
    default:
      return shareOfExtreme(c);
  }
};

const updatesGradient: GradientRule = (c) => {
  switch (reductionOf(c.node)) {
    case 'none':
    case 'add':
      // d updates = g where each went
      return alongAxis(c).gather(c.g);
    case 'mul':
      return othersProduct(c);
    default:
      return shareOfExtreme(c);
  }
};

const scatterElements: OpDefinition = {
  infer: (c) => [requiredType(c, 0)],
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const targets = elementOffsets(shape, requiredArray(c, 1), elementAxis(c.node, shape), c.node);
    return [{ dtype, shape, data: scatterInto(data, targets, requiredArray(c, 2).data, c.node) }];
  },
  gradients: [dataGradient, null, updatesGradient],
};

/**
 * ScatterND as ScatterElements along the indexed axes as one: where it adds, onnxruntime's ScatterND races with
 * several threads, and a gradient needs the form only once.
 */
export const asScatterElements: ExpandRule = (c) => {
  const { node, op, constant, reshape } = c;
  const [data, indices, updates] = [c.input(0), c.input(1), c.input(2)];
  const depth = indices.shape.at(-1) ?? 0;
  const extents = data.shape.slice(0, depth);
  const [places, size] = [sizeOf(extents), sizeOf(data.shape.slice(depth))];
  const vector = (values: readonly number[]): Value => constant(int64([values.length], values));
  const fromFront = op('Where', [op('Less', [indices, 0]), op('Add', [indices, vector(extents)]), indices]);
  const numbers = op('ReduceSum', [op('Mul', [fromFront, vector(stridesOf(extents))]), vector([-1])]);
  const count = sizeOf(numbers.shape);
  const everywhere = op('Expand', [reshape(numbers, [count, 1]), vector([count, size])]);
  const rows = [reshape(data, [places, size]), everywhere, reshape(updates, [count, size])];
  const reduction = string(reductionOf(node));
  return [reshape(op('ScatterElements', rows, { axis: int(0), reduction }), data.shape)];
};

const scatterND: OpDefinition = {
  infer: (c) => [requiredType(c, 0)],
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const { starts, size } = sliceOffsets(shape, requiredArray(c, 1), 0, c.node);
    return [
      { dtype, shape, data: scatterInto(data, spread(starts, size), requiredArray(c, 2).data, c.node) },
    ];
  },
  gradients: ['expand', null, 'expand'],
  expand: asScatterElements,
};

export const scattering: OpFamily<'ScatterElements' | 'ScatterND'> = {
  ScatterElements: scatterElements,
  ScatterND: scatterND,
};
