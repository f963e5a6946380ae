/**
 * WebAssembly instructions as bytes. An expression leaves one value on the stack; a statement leaves none.
 *
 * Source: WebAssembly Core Specification 2.0, chapter 5, Binary Format.
 */
export type Code = readonly number[];

/** Types of values. */
const types = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;

export type ValueType = keyof typeof types;

/** A function under construction: parameters come first among the locals. */
export interface FunctionCode {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly locals: readonly ValueType[];
  readonly result?: ValueType | undefined;
  readonly body: Code;
}

/** An unsigned number, seven bits a byte (LEB128). */
function unsigned(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const text = (name: string): Code => vector(Array.from(name, (letter) => [letter.charCodeAt(0)]));
const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
const simd = (opcode: number): Code => [0xfd, ...unsigned(opcode)];

type Binary = (a: Code, b: Code) => Code;

/** An instruction on two operands. */
const binary =
  (opcode: Code): Binary =>
  (a, b) => [...a, ...b, ...opcode];

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
/** Sets a local and leaves its value. */
const tee = (local: number, value: Code): Code => [...value, 0x22, ...unsigned(local)];

/** Addresses, in bytes. */
export const i32: {
  /** From 0 to 63. */
  readonly constant: (value: number) => Code;
  readonly add: Binary;
  /** Unsigned. */
  readonly greater: Binary;
} = {
  constant: (value) => [0x41, value],
  add: binary([0x6a]),
  greater: binary([0x4b]),
};

/** The sum of two float64. */
export const addF64: Binary = binary([0xa0]);

/** Pairs of float64. */
export const f64x2: {
  readonly add: Binary;
  /** x², by way of a local. */
  readonly square: (x: Code, local: number) => Code;
  /** The two low ones of four float32. */
  readonly promoteLow: (x: Code) => Code;
  readonly lane: (x: Code, lane: 0 | 1) => Code;
} = {
  add: binary(simd(0xf0)),
  square: (x, local) => [...tee(local, x), ...get(local), ...simd(0xf2)],
  promoteLow: (x) => [...x, ...simd(0x5f)],
  lane: (x, lane) => [...x, ...simd(0x21), lane],
};

/** The two high ones of four float32 in the place of the low ones, by way of a local. */
export const highHalf = (x: Code, local: number): Code => [
  ...tee(local, x),
  ...get(local),
  ...simd(0x0d),
  ...[8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15],
];

/** The float32 0. */
export const zero: Code = [0x43, 0, 0, 0, 0];

/** Arithmetic on one float32, or on four side by side: the same rounding either way. */
export interface Lanes {
  readonly type: ValueType;
  readonly bytes: number;
  readonly load: (address: Code) => Code;
  readonly store: (address: Code, value: Code) => Code;
  /** A float32 in each lane. */
  readonly splat: (value: Code) => Code;
  readonly add: (a: Code, b: Code) => Code;
  readonly sub: (a: Code, b: Code) => Code;
  readonly mul: (a: Code, b: Code) => Code;
  readonly div: (a: Code, b: Code) => Code;
  readonly sqrt: (a: Code) => Code;
}

/** Alignment 2² bytes, offset 0. */
const memory: Code = [2, 0];

export const f32: Lanes = {
  type: 'f32',
  bytes: 4,
  load: (address) => [...address, 0x2a, ...memory],
  store: (address, value) => [...address, ...value, 0x38, ...memory],
  splat: (value) => value,
  add: binary([0x92]),
  sub: binary([0x93]),
  mul: binary([0x94]),
  div: binary([0x95]),
  sqrt: (a) => [...a, 0x91],
};

export const f32x4: Lanes = {
  type: 'v128',
  bytes: 16,
  load: (address) => [...address, ...simd(0x00), ...memory],
  store: (address, value) => [...address, ...value, ...simd(0x0b), ...memory],
  splat: (value) => [...value, ...simd(0x13)],
  add: binary(simd(0xe4)),
  sub: binary(simd(0xe5)),
  mul: binary(simd(0xe6)),
  div: binary(simd(0xe7)),
  sqrt: (a) => [...a, ...simd(0xe3)],
};

/** `for (; at + step ≤ end; at += step) body` over two locals. */
export function forSteps(at: number, end: number, step: number, body: Code): Code {
  const next = i32.add(get(at), i32.constant(step));
  const exit = [...i32.greater(next, get(end)), 0x0d, 1];
  return [0x02, 0x40, 0x03, 0x40, ...exit, ...body, ...set(at, next), 0x0c, 0, 0x0b, 0x0b];
}

/** The bytes of a module that imports its memory as `host.memory` and exports the functions. */
export function assemble(functions: readonly FunctionCode[]): Uint8Array {
  const signatures = functions.map(
    ({ parameters, result }): Code => [
      0x60,
      ...vector(parameters.map((type) => [types[type]])),
      ...vector(result === undefined ? [] : [[types[result]]]),
    ],
  );
  const bodies = functions.map(({ locals, body }): Code => {
    const code = [...vector(locals.map((type) => [1, types[type]])), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  const pages = 65536;
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(signatures)),
    ...section(2, vector([[...text('host'), ...text('memory'), 0x02, 0x01, 0, ...unsigned(pages)]])),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    ...section(7, vector(functions.map(({ name }, i) => [...text(name), 0x00, ...unsigned(i)]))),
    ...section(10, vector(bodies)),
  ]);
}
