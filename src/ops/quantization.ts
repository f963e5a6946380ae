import { intAttribute } from '../graph/attributes.ts';
import { elementType } from '../graph/element-types.ts';
import { describeNode } from '../graph/graph.ts';
import type { DType, Shape, TensorType } from '../tensor.ts';
import type {
  EvaluateContext,
  ExpandRule,
  GradientContext,
  InferContext,
  NumericArray,
  OpDefinition,
  OpFamily,
  TypeContext,
  Value,
} from './definition.ts';
import { asType } from './elementwise.ts';
import { matMul, matMulGradient } from './products.ts';
import { roundHalfToEven } from './rounding.ts';
import {
  broadcastStrides,
  normalizeAxis,
  offsets,
  refusal,
  requiredArray,
  requiredType,
  shapeError,
} from './shapes.ts';

/** What fits into each type that is quantised to. */
const ranges: ReadonlyMap<DType, readonly [number, number]> = new Map([
  ['int8', [-128, 127]],
  ['uint8', [0, 255]],
]);

/** The type that QuantizeLinear rounds to: its zero point's, else uint8. */
function quantizedType(c: TypeContext): { readonly dtype: DType; readonly range: readonly [number, number] } {
  const dtype = c.inputs[2]?.dtype ?? 'uint8';
  const range = ranges.get(dtype);
  if (range === undefined) throw refusal(c.node, 'a zero point of type int8 or uint8', dtype);
  return { dtype, range };
}

/**
 * The shape in which scales and zero points line up with `x`: one for all, or one for each index of `axis`.
 *
 * @throws `graph/operator` for blocks along an axis, `graph/shape` for a number of scales that does not fit.
 */
function scaleShape(c: TypeContext): Shape {
  const { node } = c;
  const [x, scale] = [requiredType(c, 0).shape, requiredType(c, 1).shape];
  if (intAttribute(node, 'block_size', 0) !== 0 || scale.length > 1) {
    throw refusal(node, 'one scale, or one for each index of an axis', `blocks, scales [${scale}]`);
  }
  const [count = 1] = scale;
  const zeroPoint = c.inputs[2]?.shape;
  if (zeroPoint !== undefined && (zeroPoint[0] ?? 1) !== count) {
    throw shapeError(node, `a zero point for each scale, [${scale}]`, `[${zeroPoint}]`);
  }
  if (count === 1) return [];
  const axis = normalizeAxis(intAttribute(node, 'axis', 1), x.length, node);
  if (x[axis] !== count) throw shapeError(node, `${x[axis]} scales for axis ${axis} of [${x}]`, `${count}`);
  return x.map((_, i) => (i === axis ? count : 1));
}

/** Each element of `x` with its scale and its zero point. */
function eachScaled(
  c: EvaluateContext,
  f: (x: number, scale: number, zeroPoint: number) => number,
): Float64Array {
  const [x, scale] = [requiredArray(c, 0), requiredArray(c, 1)];
  const zeroPoint = c.inputs[2];
  const at = offsets(x.shape, broadcastStrides(scaleShape(c), x.shape));
  return x.data.map((value, i) => {
    const k = at[i] ?? 0;
    return f(value, scale.data[k] ?? 1, zeroPoint?.data[k] ?? 0);
  });
}

/** Scales or zero points of a node as floats, shaped to line up with its first input. */
function aligned(c: GradientContext, parameter: Value, dtype: DType): Value {
  const inputs = c.node.inputs.map((name, i) => (name === '' ? undefined : c.input(i)));
  return asType(c.reshape(parameter, scaleShape({ node: c.node, inputs })), dtype, c.op);
}

function optional({ node, input }: GradientContext, i: number): Value | undefined {
  const name = node.inputs[i];
  return name === undefined || name === '' ? undefined : input(i);
}

/** q = saturate(round(x/s) + z) */
const quantizeLinear: OpDefinition = {
  straightThrough: true,
  infer: (c) => {
    scaleShape(c);
    return [{ dtype: quantizedType(c).dtype, shape: requiredType(c, 0).shape }];
  },
  evaluate: (c) => {
    const { dtype, range } = quantizedType(c);
    const data = eachScaled(c, (x, scale, zero) => saturate(roundHalfToEven(x / scale) + zero, range));
    return [{ dtype, shape: requiredArray(c, 0).shape, data }];
  },
  gradients: [
    // Straight through, as PyTorch's fake_quantize: dx = g/s where round(x/s) + z did not saturate
    (c) => {
      const { op, x, g } = c;
      const scale = aligned(c, c.input(1), x.dtype);
      const zeroPoint = optional(c, 2);
      const rounded = op('Round', [op('Div', [x, scale])]);
      const unbounded =
        zeroPoint === undefined ? rounded : op('Add', [rounded, aligned(c, zeroPoint, x.dtype)]);
      const [low, high] = quantizedType({ node: c.node, inputs: [x, c.input(1), zeroPoint] }).range;
      const within = op('And', [
        op('GreaterOrEqual', [unbounded, low]),
        op('LessOrEqual', [unbounded, high]),
      ]);
      return op('Where', [within, op('Div', [g, scale]), 0]);
    },
    null,
  ],
};

const saturate = (value: number, [low, high]: readonly [number, number]): number =>
  Math.min(Math.max(value, low), high);

/** y = (q − z)·s */
const dequantizeLinear: OpDefinition = {
  infer: (c) => {
    scaleShape(c);
    const { dtype, shape } = requiredType(c, 0);
    if (!ranges.has(dtype) && dtype !== 'int32') throw refusal(c.node, 'int8, uint8 or int32', dtype);
    return [{ dtype: requiredType(c, 1).dtype, shape }];
  },
  evaluate: (c) => {
    const data = eachScaled(c, (q, scale, zero) => (q - zero) * scale);
    return [{ dtype: requiredArray(c, 1).dtype, shape: requiredArray(c, 0).shape, data }];
  },
  // dq = g·s
  gradients: [(c) => c.op('Mul', [c.g, aligned(c, c.input(1), c.g.dtype)]), null],
};

const byte: readonly [number, number] = [0, 255];

/** q = saturate(round(x/s) + z) with s and z such that 0…255 covers 0 and all of x. */
const dynamicQuantizeLinear: OpDefinition = {
  straightThrough: true,
  infer: (c) => {
    const { dtype, shape } = requiredType(c, 0);
    return [
      { dtype: 'uint8', shape },
      { dtype, shape: [] },
      { dtype: 'uint8', shape: [] },
    ];
  },
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const low = data.reduce((min, x) => Math.min(min, x), 0);
    const high = data.reduce((max, x) => Math.max(max, x), 0);
    const scale = high === low ? 1 : (high - low) / 255;
    const zero = saturate(roundHalfToEven(-low / scale), byte);
    const scalar = (type: DType, value: number): NumericArray => ({
      dtype: type,
      shape: [],
      data: Float64Array.of(value),
    });
    const quantized = data.map((x) => saturate(roundHalfToEven(x / scale) + zero, byte));
    return [{ dtype: 'uint8', shape, data: quantized }, scalar(dtype, scale), scalar('uint8', zero)];
  },
  gradients: [
    // Straight through, s and z taken for constants: dx = g/s. Nothing saturates by more than rounding.
    (c) => {
      const g = c.cotangent(0);
      return g === undefined ? c.zeros(c.x.shape) : c.op('Div', [g, c.output(1)]);
    },
  ],
};

/** A − z_A and B − z_B as MatMul reads them. @throws `graph/operator` for zero points by row of A. */
function requireZeroPoints(c: TypeContext): void {
  const rows = c.inputs[2]?.shape[0] ?? 1;
  if (rows !== 1) throw refusal(c.node, 'one zero point for all of A', `${rows}`);
  const columns = c.inputs[3]?.shape[0] ?? 1;
  const width = requiredType(c, 1).shape.at(-1) ?? 1;
  if (columns !== 1 && columns !== width) {
    throw shapeError(c.node, `one zero point for B, or ${width}`, `${columns}`);
  }
}

/** Y = (A − z_A)·(B − z_B) in whole numbers. */
const matMulInteger: OpDefinition = {
  infer: (c: InferContext): readonly TensorType[] => {
    requireZeroPoints(c);
    return matMul.infer(c).map(({ shape }) => ({ dtype: 'int32', shape }));
  },
  evaluate: (c) => {
    const shifted = [0, 1].map((i): NumericArray => {
      const x = requiredArray(c, i);
      const zero = c.inputs[i + 2]?.data ?? Float64Array.of(0);
      return { ...x, data: x.data.map((value, k) => value - (zero[k % zero.length] ?? 0)) };
    });
    const products = matMul.evaluate({ node: c.node, inputs: shifted });
    return products.map((product) => ({ ...product, dtype: 'int32' }));
  },
  // That of MatMul on A − z_A and B − z_B, for a gradient of what was rounded
  gradients: [(c) => integerProductGradient(c), (c) => integerProductGradient(c), null],
};

function integerProductGradient(c: GradientContext): Value {
  const shifted = (i: 0 | 1): Value => {
    const x = asType(c.input(i), c.g.dtype, c.op);
    const zero = optional(c, i + 2);
    if (zero === undefined) return x;
    const [count = 1] = zero.shape;
    return c.op('Sub', [x, asType(c.reshape(zero, count === 1 ? [] : [count]), c.g.dtype, c.op)]);
  };
  return matMulGradient(c, shifted(0), shifted(1));
}

/** The attributes of later opsets written as opset 20 has them: the type to round to as a zero point of it. */
export const asOpset20: ExpandRule = ({ node, op, input, optional: given, zeros }) => {
  const { output_dtype: type, precision: _, block_size: blocks, ...attributes } = node.attributes;
  if (type === undefined && _ === undefined && blocks === undefined) return undefined;
  if (intAttribute(node, 'block_size', 0) !== 0) return undefined;
  const scale = input(1);
  if (node.opType === 'DequantizeLinear')
    return [op('DequantizeLinear', [input(0), scale, given(2)], attributes)];
  const number = intAttribute(node, 'output_dtype', 0);
  const zeroPoint =
    given(2) ?? (number === 0 ? undefined : zeros(scale.shape, elementType(number, describeNode(node))));
  return [op('QuantizeLinear', [input(0), scale, zeroPoint], attributes)];
};

/** Numbers rounded to 8 bits. Their gradients go straight through the rounding; scales and zero points have none. */
export const quantization: OpFamily<
  'DequantizeLinear' | 'DynamicQuantizeLinear' | 'MatMulInteger' | 'QuantizeLinear'
> = {
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: matMulInteger,
  QuantizeLinear: quantizeLinear,
};
