import { intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { type Attributes, ints, type Node } from '../graph/graph.ts';
import { type Shape, sizeOf } from '../tensor.ts';
import { refusal, shapeError, stridesOf } from './shapes.ts';

/** How a kernel moves over the spatial axes: one number for each of them in every list. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** How far a dilated kernel reaches. */
export const reach = (kernel: number, dilation: number): number => (kernel - 1) * dilation + 1;

/**
 * The windows of a convolution or pooling node over `extents`, with `auto_pad` resolved as the ONNX page of Conv
 * says: SAME_UPPER and SAME_LOWER pad to ⌈extent / stride⌉ positions.
 *
 * @throws `graph/shape` for attributes that do not fit the number of spatial axes; `graph/operator` for SAME padding of
 *   a dilated kernel.
 */
export function windowsOf(node: Node, extents: Shape, weight?: Shape): Windows {
  const kernel = intsAttribute(node, 'kernel_shape') ?? weight?.slice(2) ?? [];
  const each = (name: string) => perAxis(node, name, extents.length) ?? extents.map(() => 1);
  const [strides, dilations] = [each('strides'), each('dilations')];
  if (kernel.length !== extents.length || (weight !== undefined && `${kernel}` !== `${weight.slice(2)}`)) {
    throw shapeError(node, `a kernel of ${extents.length} axes`, `[${kernel}]`);
  }
  return { kernel, strides, dilations, ...padding(node, extents, kernel, strides, dilations) };
}

function perAxis(node: Node, name: string, count: number): readonly number[] | undefined {
  const values = intsAttribute(node, name);
  if (values === undefined || values.length === 0) return undefined;
  if (values.length === count) return values;
  throw shapeError(node, `${count} numbers in attribute "${name}"`, `[${values}]`);
}

function padding(
  node: Node,
  extents: Shape,
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): Pick<Windows, 'before' | 'after'> {
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET');
  if (mode === 'NOTSET') {
    const pads = perAxis(node, 'pads', 2 * extents.length) ?? [...extents, ...extents].map(() => 0);
    return { before: pads.slice(0, extents.length), after: pads.slice(extents.length) };
  }
  if (mode === 'VALID') return { before: extents.map(() => 0), after: extents.map(() => 0) };
  if (dilations.some((dilation) => dilation !== 1)) {
    throw refusal(node, 'explicit pads beside dilations, as onnxruntime demands', `auto_pad ${mode}`);
  }
  const total = extents.map((extent, axis) => {
    const stride = strides[axis] ?? 1;
    const covered = (Math.ceil(extent / stride) - 1) * stride + (kernel[axis] ?? 1);
    return Math.max(0, covered - extent);
  });
  return splitPadding(node, mode, total);
}

/** A total padding in two: the odd one comes last for SAME_UPPER, first for SAME_LOWER. */
export function splitPadding(
  node: Node,
  mode: string,
  total: readonly number[],
): Pick<Windows, 'before' | 'after'> {
  const small = total.map((n) => Math.floor(n / 2));
  const large = total.map((n) => Math.ceil(n / 2));
  if (mode === 'SAME_UPPER') return { before: small, after: large };
  if (mode === 'SAME_LOWER') return { before: large, after: small };
  throw shapeError(node, 'auto_pad NOTSET, SAME_UPPER, SAME_LOWER or VALID', mode);
}

/** How many windows there are along each axis. @throws `graph/shape` where the kernel does not fit. */
export function windowCounts(node: Node, extents: Shape, windows: Windows): Shape {
  const { kernel, strides, dilations, before, after } = windows;
  const ceil = intAttribute(node, 'ceil_mode', 0) === 1;
  return extents.map((extent, axis) => {
    const stride = strides[axis] ?? 1;
    const padded = extent + (before[axis] ?? 0) + (after[axis] ?? 0);
    const room = padded - reach(kernel[axis] ?? 1, dilations[axis] ?? 1);
    if (room < 0) throw shapeError(node, `an extent that holds the kernel [${kernel}]`, `[${extents}]`);
    const count = (ceil ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
    // A window that would begin in the padding behind the last element is dropped, as in PyTorch.
    return ceil && (count - 1) * stride >= extent + (before[axis] ?? 0) ? count - 1 : count;
  });
}

/**
 * Where each window reads: for window `w` and kernel position `k`, both row-major, entry `w * kernelSize + k` is the
 * flat position among `extents`, or −1 in the padding.
 */
export function windowReads(extents: Shape, counts: Shape, windows: Windows): Int32Array {
  const { kernel, strides, dilations, before } = windows;
  const kernelSize = sizeOf(kernel);
  const [own, outer, inner] = [stridesOf(extents), stridesOf(counts), stridesOf(kernel)];
  const reads = new Int32Array(sizeOf(counts) * kernelSize);
  for (let at = 0; at < reads.length; at++) {
    const [window, place] = [Math.floor(at / kernelSize), at % kernelSize];
    let position = 0;
    for (let axis = 0; axis < extents.length && position >= 0; axis++) {
      const w = Math.floor(window / (outer[axis] ?? 1)) % (counts[axis] ?? 1);
      const k = Math.floor(place / (inner[axis] ?? 1)) % (kernel[axis] ?? 1);
      const coordinate = w * (strides[axis] ?? 1) - (before[axis] ?? 0) + k * (dilations[axis] ?? 1);
      const inside = coordinate >= 0 && coordinate < (extents[axis] ?? 0);
      position = inside ? position + coordinate * (own[axis] ?? 1) : -1;
    }
    reads[at] = position;
  }
  return reads;
}

/** The attributes that say the same windows to another node. */
export function windowAttributes({ kernel, strides, dilations, before, after }: Windows): Attributes {
  return {
    kernel_shape: ints(kernel),
    strides: ints(strides),
    dilations: ints(dilations),
    pads: ints([...before, ...after]),
  };
}
