import { intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { ints, type Node } from '../graph/graph.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';
import type { InferContext, OpDefinition, OpFamily, TypeContext } from './definition.ts';
import {
  asInfer,
  knownContext,
  knownNumbers,
  normalizeAxis,
  offsets,
  requiredArray,
  requiredType,
  shapeError,
  stridesOf,
} from './shapes.ts';
import { windowCounts, windowReads, windowsOf } from './windows.ts';

/** Blocks of positions moved between axes: x as `split`, its axes in the order `perm`, as `shape`. */
interface Rearrangement {
  readonly split: Shape;
  readonly perm: readonly number[];
  readonly shape: Shape;
}

function rearranging(of: (node: Node, x: Shape) => Rearrangement): OpDefinition {
  const plan = (c: TypeContext): Rearrangement => {
    const { shape } = requiredType(c, 0);
    const result = of(c.node, shape);
    if (shape.length === 4 && result.split.every(Number.isInteger)) return result;
    throw shapeError(c.node, 'an image [n, c, h, w] that divides into the blocks', `[${shape}]`);
  };
  return {
    infer: (c) => [{ dtype: requiredType(c, 0).dtype, shape: plan(c).shape }],
    evaluate: (c) => {
      const { dtype, data } = requiredArray(c, 0);
      const { split, perm, shape } = plan(c);
      const strides = stridesOf(split);
      const read = offsets(
        perm.map((axis) => split[axis] ?? 1),
        perm.map((axis) => strides[axis] ?? 1),
      );
      return [{ dtype, shape, data: Float64Array.from(read, (offset) => data[offset] ?? 0) }];
    },
    // dx = g moved back
    gradients: [
      (c) => {
        const { split, perm } = plan({ node: c.node, inputs: [c.x] });
        const moved = c.reshape(
          c.g,
          perm.map((axis) => split[axis] ?? 1),
        );
        const back = c.op('Transpose', [moved], { perm: ints(perm.map((_, axis) => perm.indexOf(axis))) });
        return c.reshape(back, c.x.shape);
      },
    ],
  };
}

const blockOf = (node: Node): number => intAttribute(node, 'blocksize', 1);

/** Channels to blocks: in DCR mode the block's position is the slow part of the channel, in CRD the fast one. */
function depthToSpace(node: Node, [n = 0, channels = 0, height = 0, width = 0]: Shape): Rearrangement {
  const b = blockOf(node);
  const depth = channels / b ** 2;
  const shape = [n, depth, height * b, width * b];
  return stringAttribute(node, 'mode', 'DCR') === 'CRD'
    ? { split: [n, depth, b, b, height, width], perm: [0, 1, 4, 2, 5, 3], shape }
    : { split: [n, b, b, depth, height, width], perm: [0, 3, 4, 1, 5, 2], shape };
}

function spaceToDepth(node: Node, [n = 0, channels = 0, height = 0, width = 0]: Shape): Rearrangement {
  const b = blockOf(node);
  return {
    split: [n, channels, height / b, b, width / b, b],
    perm: [0, 3, 5, 1, 2, 4],
    shape: [n, channels * b ** 2, height / b, width / b],
  };
}

/** How the columns of Col2Im lie in the image. */
function imageGeometry(c: InferContext) {
  const { dtype, shape } = requiredType(c, 0);
  const [extents, kernel] = [knownNumbers(c, 1), knownNumbers(c, 2)];
  const node = { ...c.node, attributes: { ...c.node.attributes, kernel_shape: ints(kernel) } };
  const windows = windowsOf(node, extents);
  const counts = windowCounts(node, extents, windows);
  const [n = 0, rows = 0, columns = 0] = shape;
  const [kernelSize, places] = [sizeOf(kernel), sizeOf(counts)];
  if (shape.length !== 3 || rows % kernelSize !== 0 || columns !== places) {
    throw shapeError(c.node, `columns [n, channels · ${kernelSize}, ${places}]`, `[${shape}]`);
  }
  const channels = rows / kernelSize;
  const reads = windowReads(extents, counts, windows);
  // Position `k * places + w`: kernel position first, as the columns have it.
  const byKernel = Int32Array.from(
    reads,
    (_, at) => reads[(at % places) * kernelSize + Math.floor(at / places)] ?? -1,
  );
  return { dtype, area: sizeOf(extents), channels, byKernel, shape: [n, channels, ...extents] };
}

const col2Im: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = imageGeometry(c);
    return [{ dtype, shape }];
  },
  evaluate: (c) => {
    const { dtype, area, byKernel, shape } = imageGeometry(asInfer(c));
    const result = new Float64Array(sizeOf(shape));
    requiredArray(c, 0).data.forEach((value, at) => {
      const position = byKernel[at % byKernel.length] ?? -1;
      const target = Math.floor(at / byKernel.length) * area + position;
      if (position >= 0) result[target] = (result[target] ?? 0) + value;
    });
    return [{ dtype, shape, data: result }];
  },
  // dx = g where each element was added, 0 in the padding
  gradients: [
    (c) => {
      const { area, byKernel, shape } = imageGeometry(knownContext(c));
      const [n = 0, channels = 0] = shape;
      const flat = c.reshape(c.g, [n, channels, area]);
      const padded = c.op('Pad', [flat, c.constant(int64([6], [0, 0, 0, 0, 0, 1])), 0]);
      const index = int64(
        [byKernel.length],
        Array.from(byKernel, (at) => (at < 0 ? area : at)),
      );
      return c.reshape(
        c.op('Gather', [padded, c.constant(index)], { axis: { type: 'int', value: 2 } }),
        c.x.shape,
      );
    },
    null,
  ],
};

/** The pads, negative where it crops, that bring each axis to its extent about its middle. */
function centring(c: InferContext) {
  const { dtype, shape } = requiredType(c, 0);
  const axes = (intsAttribute(c.node, 'axes') ?? shape.map((_, axis) => axis)).map((axis) =>
    normalizeAxis(axis, shape.length, c.node),
  );
  const wanted = knownNumbers(c, 1);
  const target = shape.map((extent, axis) =>
    axes.includes(axis) ? (wanted[axes.indexOf(axis)] ?? extent) : extent,
  );
  const before = shape.map((extent, axis) => {
    const change = (target[axis] ?? extent) - extent;
    return change < 0 ? -Math.floor(-change / 2) : Math.floor(change / 2);
  });
  return { dtype, shape, target, before };
}

const centerCropPad: OpDefinition = {
  infer: (c) => {
    const { dtype, target } = centring(c);
    return [{ dtype, shape: target }];
  },
  evaluate: (c) => {
    const { dtype, shape, target, before } = centring(asInfer(c));
    const { data } = requiredArray(c, 0);
    const [own, strides] = [stridesOf(target), stridesOf(shape)];
    const result = Float64Array.from({ length: sizeOf(target) }, (_, at) => {
      let from = 0;
      for (let axis = 0; axis < shape.length; axis++) {
        const position = (Math.floor(at / (own[axis] ?? 1)) % (target[axis] ?? 1)) - (before[axis] ?? 0);
        if (position < 0 || position >= (shape[axis] ?? 0)) return 0;
        from += position * (strides[axis] ?? 1);
      }
      return data[from] ?? 0;
    });
    return [{ dtype, shape: target, data: result }];
  },
  // dx = g padded where x was cropped and cropped where it was padded
  gradients: [
    (c) => {
      const { shape, target, before } = centring(knownContext(c));
      const after = target.map((extent, axis) => extent - (shape[axis] ?? 0) - (before[axis] ?? 0));
      const back = [...before, ...after].map((n) => (n === 0 ? 0 : -n));
      return c.op('Pad', [c.g, c.constant(int64([back.length], back)), 0]);
    },
    null,
  ],
};

export const rearrangement: OpFamily<'CenterCropPad' | 'Col2Im' | 'DepthToSpace' | 'SpaceToDepth'> = {
  CenterCropPad: centerCropPad,
  Col2Im: col2Im,
  DepthToSpace: rearranging(depthToSpace),
  SpaceToDepth: rearranging(spaceToDepth),
};
