import {
  addF64,
  assemble,
  type Code,
  type FunctionCode,
  f32,
  f32x4,
  f64x2,
  forSteps,
  get,
  highHalf,
  i32,
  type Lanes,
  set,
  zero,
} from './assembler.ts';

/** One AdamW step in float32: what is the same for all weights of a tensor. */
export interface AdamWFactors {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** lr/(1 − β₁ᵗ) */
  readonly rate: number;
  /** 1/√(1 − β₂ᵗ) */
  readonly correction: number;
  /** lr·λ */
  readonly decay: number;
  /** Multiplies every gradient: the clip factor. */
  readonly scale: number;
}

/** Arrays of one length in the memory of the kernels. */
interface AdamWArrays {
  readonly weights: Float32Array;
  readonly gradients: Float32Array;
  readonly m: Float32Array;
  readonly v: Float32Array;
}

type AdamWKernel = (arrays: AdamWArrays, factors: AdamWFactors) => void;

/** Loops over float32 arrays. */
export interface Kernels {
  readonly adamw: AdamWKernel;
  /** Where all gradients are zero. */
  readonly idle: AdamWKernel;
  /** Where all gradients and moments are zero. */
  readonly untouched: AdamWKernel;
  /** Σ x² over so many bytes, a multiple of 16. */
  readonly squares: (address: number, bytes: number) => number;
}

let compiled: WebAssembly.Module | undefined;

/** The kernels on a memory. */
export function compileKernels(memory: WebAssembly.Memory): Kernels {
  compiled ??= new WebAssembly.Module(assemble([...adamwFunctions, squares]));
  const { exports } = new WebAssembly.Instance(compiled, { host: { memory } });
  const kernel = (name: string): ((...parameters: readonly number[]) => number) => {
    const exported = exports[name];
    if (typeof exported !== 'function') throw new TypeError(`no kernel "${name}"`);
    return (...parameters) => Number(exported(...parameters));
  };
  const adamw = (name: string): AdamWKernel => {
    const run = kernel(name);
    return ({ weights, gradients, m, v }, { scale, beta1, beta2, decay, rate, correction, epsilon }) => {
      const addresses = [
        weights.byteOffset,
        weights.byteLength,
        gradients.byteOffset,
        m.byteOffset,
        v.byteOffset,
      ];
      run(...addresses, scale, beta1, 1 - beta1, beta2, 1 - beta2, decay, rate, correction, epsilon);
    };
  };
  return {
    adamw: adamw('adamw'),
    idle: adamw('idle'),
    untouched: adamw('untouched'),
    squares: kernel('squares'),
  };
}

/** Parameters of the three forms of AdamW, in order: addresses and length in bytes, then the factors. */
const addresses = ['weights', 'bytes', 'gradients', 'm', 'v'] as const;
const factors = [
  'scale',
  'beta1',
  'beta1Rest',
  'beta2',
  'beta2Rest',
  'decay',
  'rate',
  'correction',
  'epsilon',
] as const;
const parameters = [...addresses, ...factors] as const;

const local = (name: (typeof parameters)[number]): number => parameters.indexOf(name);

/** Counts the bytes that are done. */
const AT = parameters.length;

const addressOf = (array: (typeof addresses)[number]): Code => i32.add(get(local(array)), get(AT));

/** What AdamW adds to the moments and takes from the weights, in the arithmetic of `lanes`. */
const adamwForms: Readonly<Record<'adamw' | 'idle' | 'untouched', (lanes: Lanes) => Code>> = {
  // m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², then the weights
  adamw: (lanes) => {
    const { add, load, mul } = lanes;
    const factor = factorsIn(lanes);
    const g = mul(load(addressOf('gradients')), factor('scale'));
    return [
      ...moment(lanes, 'm', (kept) => add(mul(factor('beta1'), kept), mul(factor('beta1Rest'), g))),
      ...moment(lanes, 'v', (kept) => add(mul(factor('beta2'), kept), mul(factor('beta2Rest'), mul(g, g)))),
      ...descend(lanes),
    ];
  },
  // the same for g = 0, down to the sign of zeros
  idle: (lanes) => {
    const { add, mul, splat } = lanes;
    const factor = factorsIn(lanes);
    return [
      ...moment(lanes, 'm', (kept) => add(mul(factor('beta1'), kept), splat(zero))),
      ...moment(lanes, 'v', (kept) => mul(factor('beta2'), kept)),
      ...descend(lanes),
    ];
  },
  // θ ← θ − (lr·λ·θ + 0)
  untouched: (lanes) => {
    const { load, store, splat, add, sub, mul } = lanes;
    const theta = load(addressOf('weights'));
    const decayed = add(mul(factorsIn(lanes)('decay'), theta), splat(zero));
    return store(addressOf('weights'), sub(theta, decayed));
  },
};

const factorsIn =
  ({ splat }: Lanes) =>
  (name: (typeof factors)[number]): Code =>
    splat(get(local(name)));

function moment({ load, store }: Lanes, name: 'm' | 'v', next: (kept: Code) => Code): Code {
  return store(addressOf(name), next(load(addressOf(name))));
}

/** θ ← θ − (lr·λ·θ + rate · m/(√v · correction + ε)), by moments that are there already. */
function descend(lanes: Lanes): Code {
  const { load, store, add, sub, mul, div, sqrt } = lanes;
  const factor = factorsIn(lanes);
  const theta = load(addressOf('weights'));
  const deviation = mul(sqrt(load(addressOf('v'))), factor('correction'));
  const move = div(mul(factor('rate'), load(addressOf('m'))), add(deviation, factor('epsilon')));
  return store(addressOf('weights'), sub(theta, add(mul(factor('decay'), theta), move)));
}

/** Four values at a time, the last one to three of them alone: with the same rounding. */
const adamwFunctions = Object.entries(adamwForms).map(
  ([name, form]): FunctionCode => ({
    name,
    parameters: [...addresses.map(() => 'i32' as const), ...factors.map(() => 'f32' as const)],
    locals: ['i32'],
    body: [f32x4, f32].flatMap((lanes) => forSteps(AT, local('bytes'), lanes.bytes, form(lanes))),
  }),
);

const squares = sumOfSquares();

/** Σ x² in two float64 sums for the even pairs and two for the odd ones. */
function sumOfSquares(): FunctionCode {
  const [address, bytes, at, four, low, high, spare] = [0, 1, 2, 3, 4, 5, 6] as const;
  const addTo = (sum: number, half: Code): Code =>
    set(sum, f64x2.add(get(sum), f64x2.square(f64x2.promoteLow(half), spare)));
  const loop = forSteps(at, bytes, f32x4.bytes, [
    ...set(four, f32x4.load(i32.add(get(address), get(at)))),
    ...addTo(low, get(four)),
    ...addTo(high, highHalf(get(four), spare)),
  ]);
  const total = set(low, f64x2.add(get(low), get(high)));
  return {
    name: 'squares',
    parameters: ['i32', 'i32'],
    locals: ['i32', 'v128', 'v128', 'v128', 'v128'],
    result: 'f64',
    body: [...loop, ...total, ...addF64(f64x2.lane(get(low), 0), f64x2.lane(get(low), 1))],
  };
}
