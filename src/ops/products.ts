import { floatAttribute, intAttribute } from '../graph/attributes.ts';
import { float, int, ints, type Node } from '../graph/graph.ts';
import { type Shape, sizeOf } from '../tensor.ts';
import type { GradientContext, OpDefinition, OpFamily, Value } from './definition.ts';
import {
  broadcastShapes,
  broadcastStrides,
  offsets,
  requiredArray,
  requiredType,
  shapeError,
} from './shapes.ts';

/** How MatMul reads its operands: as stacks of matrices, a vector as a matrix of one row or column. */
function matMulShapes(a: Shape, b: Shape) {
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const stack = broadcastShapes([left.slice(0, -2), right.slice(0, -2)]);
  const [rows = 1, inner = 1] = left.slice(-2);
  const [innerRight = 1, columns = 1] = right.slice(-2);
  const fits = stack !== undefined && inner === innerRight && a.length > 0 && b.length > 0;
  if (!fits) return undefined;
  const shape = [...stack, ...(a.length === 1 ? [] : [rows]), ...(b.length === 1 ? [] : [columns])];
  return { left, right, stack, rows, inner, columns, shape };
}

export const matMul: OpDefinition = {
  infer: (c) => {
    const [a, b] = [requiredType(c, 0), requiredType(c, 1)];
    const shapes = matMulShapes(a.shape, b.shape);
    if (shapes === undefined) throw shapeError(c.node, 'matrices that fit', `[${a.shape}] and [${b.shape}]`);
    return [{ dtype: a.dtype, shape: shapes.shape }];
  },
  evaluate: (c) => {
    const [a, b] = [requiredArray(c, 0), requiredArray(c, 1)];
    const shapes = matMulShapes(a.shape, b.shape);
    if (shapes === undefined) throw shapeError(c.node, 'matrices that fit', `[${a.shape}] and [${b.shape}]`);
    const { left, right, stack, rows, inner, columns, shape } = shapes;
    const lefts = offsets(
      stack,
      broadcastStrides(left.slice(0, -2), stack).map((stride) => stride * rows * inner),
    );
    const rights = offsets(
      stack,
      broadcastStrides(right.slice(0, -2), stack).map((stride) => stride * inner * columns),
    );
    const data = new Float64Array(sizeOf(shape));
    for (let s = 0; s < lefts.length; s++) {
      for (let i = 0; i < rows; i++) {
        for (let k = 0; k < inner; k++) {
          const value = a.data[(lefts[s] ?? 0) + i * inner + k] ?? 0;
          for (let j = 0; j < columns; j++) {
            const at = (s * rows + i) * columns + j;
            data[at] = (data[at] ?? 0) + value * (b.data[(rights[s] ?? 0) + k * columns + j] ?? 0);
          }
        }
      }
    }
    return [{ dtype: a.dtype, shape, data }];
  },
  gradients: [
    (c) => matMulGradient(c, c.input(0), c.input(1)),
    (c) => matMulGradient(c, c.input(0), c.input(1)),
  ],
};

/** The last two axes exchanged. */
function transposed({ op }: GradientContext, x: Value): Value {
  const rank = x.shape.length;
  const perm = x.shape.map((_, axis) => (axis === rank - 1 ? rank - 2 : axis === rank - 2 ? rank - 1 : axis));
  return op('Transpose', [x], { perm: ints(perm) });
}

/** Y = A·B: dA = G·Bᵀ, dB = Aᵀ·G; a vector counts as a matrix, a stack against one matrix as a tall matrix. */
export function matMulGradient(c: GradientContext, a: Value, b: Value): Value {
  const shapes = matMulShapes(a.shape, b.shape);
  if (shapes === undefined) throw shapeError(c.node, 'matrices that fit', `[${a.shape}] and [${b.shape}]`);
  const { left, right, stack, rows, inner, columns } = shapes;
  if (right.length === 2) {
    // One matrix B for the whole stack: rows of all matrices of A in one product, no transposed copies.
    const tallRows = sizeOf(stack) * rows;
    const g = c.reshape(c.g, [tallRows, columns]);
    if (c.index === 0) {
      return c.reshape(c.op('Gemm', [g, c.reshape(b, right)], { transB: int(1) }), a.shape);
    }
    const tall = c.reshape(a, [tallRows, inner]);
    return c.reshape(c.op('Gemm', [tall, g], { transA: int(1) }), b.shape);
  }
  const g = c.reshape(c.g, [...stack, rows, columns]);
  if (c.index === 0) {
    const full = c.op('MatMul', [g, transposed(c, c.reshape(b, right))]);
    return a.shape.length === 1 ? c.reshape(full, [...stack, inner]) : full;
  }
  return c.op('MatMul', [transposed(c, c.reshape(a, left)), g]);
}

/** Gemm's attributes: Y = α·op(A)·op(B) + β·C. */
function gemmAttributes(node: Node) {
  return {
    alpha: floatAttribute(node, 'alpha', 1),
    beta: floatAttribute(node, 'beta', 1),
    transA: intAttribute(node, 'transA', 0),
    transB: intAttribute(node, 'transB', 0),
  };
}

function gemmShapes(node: Node, a: Shape, b: Shape) {
  const { transA, transB } = gemmAttributes(node);
  const [rows = 0, inner = 0] = transA === 1 ? a.toReversed() : a;
  const [innerB = 0, columns = 0] = transB === 1 ? b.toReversed() : b;
  if (a.length !== 2 || b.length !== 2 || inner !== innerB) {
    throw shapeError(node, 'two matrices that fit', `[${a}] and [${b}]`);
  }
  return { rows, inner, columns };
}

const gemm: OpDefinition = {
  infer: (c) => {
    const [a, b] = [requiredType(c, 0), requiredType(c, 1)];
    const { rows, columns } = gemmShapes(c.node, a.shape, b.shape);
    const bias = c.inputs[2];
    const shape = [rows, columns];
    if (bias !== undefined && `${broadcastShapes([bias.shape, shape])}` !== `${shape}`) {
      throw shapeError(c.node, `C that broadcasts to [${rows}, ${columns}]`, `[${bias.shape}]`);
    }
    return [{ dtype: a.dtype, shape }];
  },
  evaluate: (c) => {
    const [a, b, bias] = [requiredArray(c, 0), requiredArray(c, 1), c.inputs[2]];
    const { rows, inner, columns } = gemmShapes(c.node, a.shape, b.shape);
    const { alpha, beta, transA, transB } = gemmAttributes(c.node);
    const data = new Float64Array(rows * columns);
    const [aRow, aInner] = transA === 1 ? [1, rows] : [inner, 1];
    const [bInner, bColumn] = transB === 1 ? [1, inner] : [columns, 1];
    const shape = [rows, columns];
    const biasAt = bias && offsets(shape, broadcastStrides(bias.shape, shape));
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          sum += (a.data[i * aRow + k * aInner] ?? 0) * (b.data[k * bInner + j * bColumn] ?? 0);
        }
        const at = i * columns + j;
        data[at] = alpha * sum + (bias === undefined ? 0 : beta * (bias.data[biasAt?.[at] ?? 0] ?? 0));
      }
    }
    return [{ dtype: a.dtype, shape, data }];
  },
  gradients: [
    // A' = op(A): dA' = α·G·op(B)ᵀ, and dA its transpose where A was read transposed
    ({ node, g, input, op }) => {
      const { alpha, transA, transB } = gemmAttributes(node);
      return transA === 0
        ? op('Gemm', [g, input(1)], { alpha: float(alpha), transB: int(1 - transB) })
        : op('Gemm', [input(1), g], { alpha: float(alpha), transA: int(transB), transB: int(1) });
    },
    // B' = op(B): dB' = α·op(A)ᵀ·G, and dB its transpose where B was read transposed
    ({ node, g, input, op }) => {
      const { alpha, transA, transB } = gemmAttributes(node);
      return transB === 0
        ? op('Gemm', [input(0), g], { alpha: float(alpha), transA: int(1 - transA) })
        : op('Gemm', [g, input(0)], { alpha: float(alpha), transA: int(1), transB: int(transA) });
    },
    // dC = β·G, summed where C was broadcast
    ({ node, g, op }) => {
      const { beta } = gemmAttributes(node);
      return beta === 1 ? g : op('Mul', [g, beta]);
    },
  ],
};

export const products: OpFamily<'Gemm' | 'MatMul'> = { Gemm: gemm, MatMul: matMul };
