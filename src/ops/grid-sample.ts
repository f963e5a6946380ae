import { intAttribute, stringAttribute } from '../graph/attributes.ts';
import { int, type Node } from '../graph/graph.ts';
import { int64, sizeOf } from '../tensor.ts';
import type { ExpandContext, OpDefinition, OpFamily, TypeContext, Value } from './definition.ts';
import { asType } from './elementwise.ts';
import { fromNumeric } from './numeric.ts';
import { cubic } from './resize-weights.ts';
import { refusal, requiredArray, requiredType, shapeError, stridesOf } from './shapes.ts';

/** GridSample's attributes. Modes have the names of opset 20. */
function sampling(node: Node) {
  const mode = stringAttribute(node, 'mode', 'linear');
  const padding = stringAttribute(node, 'padding_mode', 'zeros');
  if (!['linear', 'nearest', 'cubic'].includes(mode))
    throw refusal(node, 'mode linear, nearest or cubic', mode);
  if (!['zeros', 'border', 'reflection'].includes(padding)) {
    throw refusal(node, 'padding_mode zeros, border or reflection', padding);
  }
  return { mode, padding, aligned: intAttribute(node, 'align_corners', 0) === 1 };
}

/** X `[n, c, …extents]` and the grid `[n, …places, r]`, its coordinates in the order x, y, z. */
function geometry(c: TypeContext) {
  const { dtype, shape: x } = requiredType(c, 0);
  const { shape: grid } = requiredType(c, 1);
  const extents = x.slice(2);
  if (grid.length !== x.length || grid.at(-1) !== extents.length || grid[0] !== x[0]) {
    throw shapeError(c.node, `a grid [${x[0]}, …, ${extents.length}] for X [${x}]`, `[${grid}]`);
  }
  return { dtype, extents, shape: [...x.slice(0, 2), ...grid.slice(1, -1)] };
}

const CUBIC_COEFFICIENT = -0.75;

/** How many neighbours along each axis a sample is made of, and which is the first, counted from ⌊u⌋. */
const neighbourhood = (mode: string) =>
  mode === 'cubic' ? { count: 4, first: -1 } : { count: mode === 'linear' ? 2 : 1, first: 0 };

/** The range that reflection mirrors at. */
const mirrors = (extent: number, aligned: boolean): readonly [low: number, high: number] =>
  aligned ? [0, extent - 1] : [-0.5, extent - 0.5];

const position = (g: number, extent: number, aligned: boolean): number =>
  aligned ? ((g + 1) / 2) * (extent - 1) : ((g + 1) * extent - 1) / 2;

function reflected(u: number, extent: number, aligned: boolean): number {
  const [low, high] = mirrors(extent, aligned);
  const span = high - low;
  if (span === 0) return low;
  const offset = Math.abs(u - low);
  const turns = Math.floor(offset / span);
  const rest = offset - turns * span;
  return turns % 2 === 0 ? low + rest : high - rest;
}

/** A coordinate or neighbour brought inside by the padding mode. */
function inside(u: number, extent: number, padding: string, aligned: boolean): number {
  if (padding === 'zeros') return u;
  const mirrored = padding === 'reflection' ? reflected(u, extent, aligned) : u;
  return Math.min(extent - 1, Math.max(0, mirrored));
}

function roundHalfToEven(u: number): number {
  const low = Math.floor(u);
  return u - low === 0.5 ? low + (low % 2 === 0 ? 0 : 1) : Math.round(u);
}

const evaluate: OpDefinition['evaluate'] = (c) => {
  const { dtype, extents, shape } = geometry(c);
  const [x, grid] = [requiredArray(c, 0).data, requiredArray(c, 1).data];
  const { mode, padding, aligned } = sampling(c.node);
  const { count, first } = neighbourhood(mode);
  const [rank, area, strides] = [extents.length, sizeOf(extents), stridesOf(extents)];
  const [, channels = 1, ...places] = shape;
  const perImage = sizeOf(places);
  const weigh = mode === 'cubic' ? cubic(CUBIC_COEFFICIENT) : (t: number) => Math.max(0, 1 - Math.abs(t));
  const result = Float64Array.from({ length: sizeOf(shape) }, (_, at) => {
    const image = Math.floor(at / (channels * perImage));
    const plane = Math.floor(at / perImage) * area;
    const start = (image * perImage + (at % perImage)) * rank;
    const taps = extents.map((extent, axis) => {
      const raw = position(grid[start + rank - 1 - axis] ?? 0, extent, aligned);
      const u = mode === 'cubic' ? raw : inside(raw, extent, padding, aligned);
      const base = mode === 'nearest' ? roundHalfToEven(u) : Math.floor(u);
      return Array.from({ length: count }, (_, k): readonly [number, number] => {
        const neighbour = base + first + k;
        const held = inside(neighbour, extent, padding, aligned);
        const weight = mode === 'nearest' ? 1 : weigh(u - neighbour);
        return held >= 0 && held < extent ? [held, weight] : [0, 0];
      });
    });
    let sum = 0;
    for (let k = 0; k < count ** rank; k++) {
      const picked = taps.map((list, axis) => list[Math.floor(k / count ** axis) % count] ?? [0, 0]);
      const weight = picked.reduce((product, [, w]) => product * w, 1);
      const offset = picked.reduce((total, [p], axis) => total + p * (strides[axis] ?? 1), plane);
      sum += weight * (x[offset] ?? 0);
    }
    return sum;
  });
  return [{ dtype, shape, data: result }];
};

/** One neighbour along an axis: where it is, as floats, and its weight; each `[n, places]`. */
interface Tap {
  readonly at: Value;
  readonly weight: Value;
}

/**
 * The sample as gathered neighbours times weights, so that both gradients follow: that of X by scattering, that of the
 * grid through the weights.
 */
function expand(c: ExpandContext): readonly Value[] {
  const [x, grid] = [c.input(0), c.input(1)];
  const { extents, shape } = geometry({ node: c.node, inputs: [x, grid] });
  const [n = 0, channels = 0, ...places] = shape;
  const perImage = sizeOf(places);
  const coordinates = c.reshape(grid, [n, perImage, extents.length]);
  const taps = extents.map((extent, axis) => {
    const which = c.constant(int64([], [extents.length - 1 - axis]));
    return axisTaps(c, c.op('Gather', [coordinates, which], { axis: int(2) }), extent);
  });
  const strides = stridesOf(extents);
  const corners = taps.reduce<readonly Tap[]>(
    (sums, list, axis) =>
      sums.flatMap((sum) =>
        list.map((tap) => ({
          at: c.op('Add', [sum.at, c.op('Mul', [tap.at, strides[axis] ?? 1])]),
          weight: c.op('Mul', [sum.weight, tap.weight]),
        })),
      ),
    [{ at: scalar(c, 0, x), weight: scalar(c, 1, x) }],
  );
  const stacked = (values: readonly Value[]) =>
    c.reshape(c.op('Concat', [...values], { axis: int(1) }), [n, 1, values.length * perImage]);
  const everywhere = c.constant(int64([3], [n, channels, corners.length * perImage]));
  const at = c.op('Expand', [asType(stacked(corners.map((corner) => corner.at)), 'int64', c.op), everywhere]);
  const neighbours = c.op('GatherElements', [c.reshape(x, [n, channels, sizeOf(extents)]), at], {
    axis: int(2),
  });
  const weighted = c.op('Mul', [neighbours, stacked(corners.map(({ weight }) => weight))]);
  const byCorner = c.reshape(weighted, [n, channels, corners.length, perImage]);
  const sum = c.op('ReduceSum', [byCorner, c.constant(int64([1], [2]))], { keepdims: int(0) });
  return [c.reshape(sum, shape)];
}

const scalar = (c: ExpandContext, value: number, like: Value): Value =>
  c.constant(fromNumeric({ dtype: like.dtype, shape: [], data: Float64Array.of(value) }));

/** The neighbours along one axis of the coordinates `g`, between −1 and 1. */
function axisTaps(c: ExpandContext, g: Value, extent: number): readonly Tap[] {
  const { mode, padding, aligned } = sampling(c.node);
  const { count, first } = neighbourhood(mode);
  const { op } = c;
  const raw = aligned
    ? op('Mul', [op('Add', [g, 1]), (extent - 1) / 2])
    : op('Mul', [op('Sub', [op('Mul', [op('Add', [g, 1]), extent]), 1]), 0.5]);
  const u = mode === 'cubic' ? raw : insideOf(c, raw, extent);
  const base = op(mode === 'nearest' ? 'Round' : 'Floor', [u]);
  return Array.from({ length: count }, (_, k): Tap => {
    const neighbour = op('Add', [base, first + k]);
    const held = insideOf(c, neighbour, extent);
    const weight = mode === 'nearest' ? scalar(c, 1, g) : tapWeight(c, op('Sub', [u, neighbour]), k);
    if (padding !== 'zeros') return { at: held, weight: op('Expand', [weight, shapeOf(c, g)]) };
    const within = op('And', [op('GreaterOrEqual', [held, 0]), op('LessOrEqual', [held, extent - 1])]);
    return { at: op('Where', [within, held, 0]), weight: op('Where', [within, weight, 0]) };
  });
}

const shapeOf = (c: ExpandContext, x: Value): Value => c.constant(int64([x.shape.length], x.shape));

/** The weight of neighbour `k` at a distance t, which lies in a range where it is one polynomial. */
function tapWeight(c: ExpandContext, t: Value, k: number): Value {
  const { op } = c;
  if (sampling(c.node).mode === 'linear') return k === 0 ? op('Sub', [1, t]) : op('Add', [t, 1]);
  const a = CUBIC_COEFFICIENT;
  const d = k < 2 ? t : op('Neg', [t]);
  // Horner's rule for (a + 2)d³ − (a + 3)d² + 1 within 1, for a·(d³ − 5d² + 8d − 4) beyond.
  const polynomial = k === 1 || k === 2 ? [a + 2, -(a + 3), 0, 1] : [a, -5 * a, 8 * a, -4 * a];
  const [lead = 0, ...rest] = polynomial;
  return rest.reduce<Value>(
    (sum, coefficient) => op('Add', [op('Mul', [sum, d]), coefficient]),
    op('Expand', [scalar(c, lead, t), shapeOf(c, t)]),
  );
}

/** {@link inside}, as nodes. */
function insideOf(c: ExpandContext, u: Value, extent: number): Value {
  const { padding, aligned } = sampling(c.node);
  const { op } = c;
  if (padding === 'zeros') return u;
  return op('Clip', [padding === 'reflection' ? reflectedOf(c, u, extent, aligned) : u, 0, extent - 1]);
}

function reflectedOf(c: ExpandContext, u: Value, extent: number, aligned: boolean): Value {
  const { op } = c;
  const [low, high] = mirrors(extent, aligned);
  const span = high - low;
  if (span === 0) return op('Mul', [u, 0]);
  const offset = op('Abs', [op('Sub', [u, low])]);
  const turns = op('Floor', [op('Mul', [offset, 1 / span])]);
  const rest = op('Sub', [offset, op('Mul', [turns, span])]);
  const half = op('Mul', [turns, 0.5]);
  const even = op('Equal', [op('Floor', [half]), half]);
  return op('Where', [even, op('Add', [rest, low]), op('Sub', [high, rest])]);
}

export const gridSampling: OpFamily<'GridSample'> = {
  GridSample: {
    infer: (c) => {
      sampling(c.node);
      const { dtype, shape } = geometry(c);
      return [{ dtype, shape }];
    },
    evaluate,
    gradients: ['expand', 'expand'],
    expand,
  },
};
