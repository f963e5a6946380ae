import { gaussian } from '../../src/data/shuffle.ts';
import type { Attributes, Graph, StaticGraph } from '../../src/graph/graph.ts';
import { fromNumeric } from '../../src/ops/numeric.ts';
import { isOpType, operators } from '../../src/ops/table.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { type Shape, sizeOf, type Tensor } from '../../src/tensor.ts';

/** The element type that a test runs the float inputs of a spec in. */
export type Precision = 'float32' | 'float64';

/** One input of the node under test. */
export interface SpecInput {
  readonly dtype: 'float' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool';
  readonly shape: Shape;
  /** The elements, or what to make of standard normal draws so that they lie in the operator's safe domain. */
  readonly values: readonly number[] | ((z: number) => number);
  /** Held by the graph, so known at compile time, instead of being fed. */
  readonly known: boolean;
}

/** One node with one set of inputs: what the gradient check and the conformance suite run. */
export interface Spec {
  readonly op: string;
  /** What is special about the case. */
  readonly about: string;
  readonly inputs: readonly (SpecInput | undefined)[];
  readonly attributes: Attributes;
  readonly outputs: readonly string[];
  /** The outputs that the loss reads. */
  readonly seeded: readonly string[];
  /** Inputs of the graph that the node's bodies read, numbered on from the node's own. */
  readonly captured?: readonly SpecInput[];
}

interface SpecOptions {
  readonly outputs?: readonly string[];
  readonly seeded?: readonly string[];
}

export function spec(
  op: string,
  about: string,
  inputs: readonly (SpecInput | undefined)[],
  attributes: Attributes = {},
  { outputs = ['y'], seeded = outputs }: SpecOptions = {},
): Spec {
  return { op, about, inputs, attributes, outputs, seeded };
}

const fed = (dtype: SpecInput['dtype'], shape: Shape, values: SpecInput['values']): SpecInput => ({
  dtype,
  shape,
  values,
  known: false,
});

/** Any real numbers. */
export const real = (...shape: number[]): SpecInput => fed('float', shape, (z) => z);
/** Numbers from 0.5 up. */
export const positive = (...shape: number[]): SpecInput => fed('float', shape, (z) => 0.5 + Math.abs(z));
/** Numbers of either sign, at least 0.5 away from 0. */
export const nonzero = (...shape: number[]): SpecInput => fed('float', shape, (z) => z + 0.5 * Math.sign(z));
/** Numbers between two bounds, well inside. */
export const within =
  (low: number, high: number) =>
  (...shape: number[]): SpecInput =>
    fed('float', shape, (z) => low + (high - low) * (0.5 + 0.4 * Math.tanh(z)));
/** The given real numbers. */
export const numbers = (shape: Shape, values: readonly number[]): SpecInput => fed('float', shape, values);
/** Integers that arrive when the graph runs. */
export const indices = (shape: Shape, values: readonly number[]): SpecInput => fed('int64', shape, values);
/** The same as 32-bit integers. */
export const indices32 = (shape: Shape, values: readonly number[]): SpecInput => fed('int32', shape, values);
/** Unsigned bytes. */
export const bytes = (shape: Shape, values: readonly number[]): SpecInput => fed('uint8', shape, values);
/** Signed bytes. */
export const signedBytes = (shape: Shape, values: readonly number[]): SpecInput => fed('int8', shape, values);
/** Truth values. */
export const flags = (shape: Shape, values: readonly number[]): SpecInput => fed('bool', shape, values);
/** A list of integers that the graph holds: axes, extents, pads. */
export const list = (...values: number[]): SpecInput => ({
  ...fed('int64', [values.length], values),
  known: true,
});
/** The same input, held by the graph. */
export const known = (input: SpecInput): SpecInput => ({ ...input, known: true });

/** A spec made concrete. */
export interface Instance {
  /** The node as it is, with nothing computed ahead. */
  readonly graph: StaticGraph;
  /** What `specialize` makes of it. */
  readonly specialized: StaticGraph;
  readonly feeds: ReadonlyMap<string, Tensor>;
  /** The fed float inputs that the operator is differentiable in. */
  readonly wrt: readonly string[];
}

export function instantiate(
  { op, inputs: own, attributes, outputs, captured = [] }: Spec,
  precision: Precision,
): Instance {
  const inputs = [...own, ...captured];
  const tensors = inputs.map((input, i) => input && tensorOf(input, precision, i));
  const names = own.map((input, i) => (input === undefined ? '' : inputName(i)));
  const pick = (wanted: boolean): [string, Tensor][] =>
    tensors.flatMap((tensor, i): [string, Tensor][] =>
      tensor !== undefined && inputs[i]?.known === wanted ? [[inputName(i), tensor]] : [],
    );
  const feeds = new Map(pick(false));
  const graph: Graph = {
    name: op,
    inputs: [...feeds].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    outputs: outputs.filter((name) => name !== '').map((name) => ({ name, dtype: precision, shape: [] })),
    initializers: new Map(pick(true)),
    nodes: [{ name: op, opType: op, inputs: names, outputs, attributes }],
  };
  const specialized = specialize(graph, { dims: {}, variables: new Set() });
  const { types } = specialized;
  return {
    graph: { ...graph, outputs: specialized.outputs, types },
    specialized,
    feeds,
    wrt: inputs.flatMap((input, i) =>
      input?.dtype === 'float' && !input.known && isDifferentiable(op, i) ? [inputName(i)] : [],
    ),
  };
}

export const inputName = (i: number): string => `x${i}`;

/** Whether a gradient goes through input `i`. */
export function isDifferentiable(op: string, i: number): boolean {
  // What is replaced by simpler nodes is as differentiable as they are.
  if (!isOpType(op)) return true;
  const { gradients } = operators[op];
  return gradients[Math.min(i, gradients.length - 1)] !== null;
}

/**
 * Whether a node rounds, so that its gradient, straight through, is none that differences of it would show.
 * `straight-through.test.ts` tests these.
 */
export const roundsWithin = ({ specialized }: Instance): boolean =>
  specialized.nodes.some(({ opType }) => isOpType(opType) && operators[opType].straightThrough === true);

/** Standard normal numbers that follow from the stream alone. */
export const draws = (n: number, stream: number): readonly number[] => [...gaussian(n, 20260, stream)];

function tensorOf({ dtype, shape, values }: SpecInput, precision: Precision, stream: number): Tensor {
  const elements = typeof values === 'function' ? draws(sizeOf(shape), stream).map(values) : values;
  if (elements.length !== sizeOf(shape))
    throw new Error(`[${shape}] does not hold ${elements.length} values`);
  const data = Float64Array.from(elements);
  return fromNumeric({ dtype: dtype === 'float' ? precision : dtype, shape, data });
}
