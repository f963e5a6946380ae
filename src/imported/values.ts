import { sizeOf, type Tensor } from '../tensor.ts';

/** Numbers below this are masks in practice: no weight of a network that works is as large. */
const HUGE = 3e4;
/** How far sin² + cos² may be from 1 in a table of float32. */
const CIRCLE_TOLERANCE = 1e-3;

/** Whether every element has the same value. */
export function isUniform({ data }: Tensor<'float32'>): boolean {
  return data.every((value) => value === data[0]);
}

/**
 * What the values of a tensor say that no trained weight would: that it is a mask, a table of positions, rotary
 * factors, … Undefined where they say nothing.
 */
export function constantByValue(tensor: Tensor<'float32'>): string | undefined {
  const { data, shape } = tensor;
  if (data.length === 0) return 'it is empty';
  if (!isModerate(data)) return 'a mask: it holds infinite or huge values';
  if (data.length < 8 || isUniform(tensor)) return undefined;
  if (shape.length > 1 && hasTwoValues(data)) return 'a mask: it holds two values only';
  if (isProgression(tensor)) return 'a table of positions: its rows are even steps';
  if (isCircle(tensor)) return 'a table of sines and cosines';
  return undefined;
}

/** Whether all numbers are finite and none is huge. A loop: every weight of a model passes through it. */
function isModerate(data: Float32Array): boolean {
  for (let i = 0; i < data.length; i++) {
    // NaN is not at most anything.
    if (!(Math.abs(data[i] ?? 0) <= HUGE)) return false;
  }
  return true;
}

/** Whether two tensors are the cosines and sines of the same angles: a² + b² = 1. */
export function areCosineAndSine(a: Tensor<'float32'>, b: Tensor<'float32'>): boolean {
  if (`${a.shape}` !== `${b.shape}` || a.data.length < 8 || isUniform(a)) return false;
  return a.data.every((value, i) => onCircle(value, b.data[i] ?? 0));
}

function onCircle(x: number, y: number): boolean {
  return Math.abs(x * x + y * y - 1) < CIRCLE_TOLERANCE;
}

function hasTwoValues(data: Float32Array): boolean {
  const [first] = data;
  const second = data.find((value) => value !== first);
  return data.every((value) => value === first || value === second);
}

/** Whether each row, along the last axis, is an arithmetic progression, and not all of them stand still. */
function isProgression({ data, shape }: Tensor<'float32'>): boolean {
  const width = shape.at(-1) ?? 1;
  if (width < 4) return false;
  let moves = false;
  for (let start = 0; start < data.length; start += width) {
    const first = data[start] ?? 0;
    const step = (data[start + 1] ?? 0) - first;
    if (step !== 0) moves = true;
    for (let i = 2; i < width; i++) {
      const expected = first + step * i;
      if (Math.abs((data[start + i] ?? 0) - expected) > 1e-5 * (Math.abs(expected) + Math.abs(step))) {
        return false;
      }
    }
  }
  return moves;
}

/** Whether halves of each row, or neighbours in it, are sine and cosine of the same angles, as position tables are. */
function isCircle({ data, shape }: Tensor<'float32'>): boolean {
  const width = shape.at(-1) ?? 1;
  if (shape.length < 2 || width % 2 !== 0) return false;
  const half = width / 2;
  const pairs = (partner: (i: number) => readonly [number, number]): boolean => {
    for (let start = 0; start < data.length; start += width) {
      for (let i = 0; i < half; i++) {
        const [a, b] = partner(i);
        if (!onCircle(data[start + a] ?? 0, data[start + b] ?? 0)) return false;
      }
    }
    return true;
  };
  return sizeOf(shape) > width && (pairs((i) => [i, i + half]) || pairs((i) => [2 * i, 2 * i + 1]));
}
