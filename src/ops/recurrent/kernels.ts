import { floatAttribute, intAttribute } from '../../graph/attributes.ts';
import type { Node } from '../../graph/graph.ts';
import type { EvaluateContext, NumericArray } from '../definition.ts';
import { requiredArray } from '../shapes.ts';
import { type Activation, activationsOf, directionsOf, recurrentShapes } from './attributes.ts';

type Vector = Float64Array;

/** What one row remembers between two steps. */
interface State {
  readonly h: Vector;
  readonly c: Vector;
}

/** The parameters of one direction, row-major: W `[gates·hidden, features]`, R `[gates·hidden, hidden]`. */
interface Parameters {
  readonly w: Vector;
  readonly r: Vector;
  readonly inputBias: Vector;
  readonly hiddenBias: Vector;
  /** LSTM's P: what the gates i, o and f see of the cell. */
  readonly peepholes: Vector;
  readonly activations: readonly ((x: number) => number)[];
}

/** One step of one row of the batch. */
type Cell = (node: Node, parameters: Parameters, x: Vector, state: State) => State;

function activate({ name, alpha, beta }: Activation, x: number): number {
  switch (name) {
    case 'affine':
      return alpha * x + beta;
    case 'elu':
      return x < 0 ? alpha * Math.expm1(x) : x;
    case 'hardsigmoid':
      return Math.min(1, Math.max(0, alpha * x + beta));
    case 'leakyrelu':
      return x < 0 ? alpha * x : x;
    case 'relu':
      return Math.max(0, x);
    case 'scaledtanh':
      return alpha * Math.tanh(beta * x);
    case 'sigmoid':
      return 1 / (1 + Math.exp(-x));
    case 'softplus':
      return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    case 'softsign':
      return x / (1 + Math.abs(x));
    case 'thresholdedrelu':
      return x > alpha ? x : 0;
    default:
      return Math.tanh(x);
  }
}

/** Row `row` of a matrix times a vector. */
function dot(matrix: Vector, row: number, x: Vector): number {
  let sum = 0;
  for (let j = 0; j < x.length; j++) sum += (matrix[row * x.length + j] ?? 0) * (x[j] ?? 0);
  return sum;
}

/** What the attribute `clip` leaves of an activation's input. */
function clipper(node: Node): (x: number) => number {
  const limit = floatAttribute(node, 'clip', 0);
  return limit > 0 ? (x) => Math.min(limit, Math.max(-limit, x)) : (x) => x;
}

const lstmCell: Cell = (node, p, x, { h, c }) => {
  const [f = Math.tanh, g = Math.tanh, out = Math.tanh] = p.activations;
  const clip = clipper(node);
  const size = h.length;
  const gate = (number: number, k: number): number => {
    const row = number * size + k;
    return dot(p.w, row, x) + dot(p.r, row, h) + (p.inputBias[row] ?? 0) + (p.hiddenBias[row] ?? 0);
  };
  const peep = (number: number, k: number, cell: number): number =>
    (p.peepholes[number * size + k] ?? 0) * cell;
  const cell = c.map((old, k) => {
    const i = f(clip(gate(0, k) + peep(0, k, old)));
    const coupled = intAttribute(node, 'input_forget', 0) === 1;
    const forget = coupled ? 1 - i : f(clip(gate(2, k) + peep(2, k, old)));
    return forget * old + i * g(clip(gate(3, k)));
  });
  const hidden = cell.map((value, k) => f(clip(gate(1, k) + peep(1, k, value))) * out(value));
  return { h: hidden, c: cell };
};

const gruCell: Cell = (node, p, x, { h, c }) => {
  const [f = Math.tanh, g = Math.tanh] = p.activations;
  const clip = clipper(node);
  const size = h.length;
  const fromInput = (row: number): number => dot(p.w, row, x) + (p.inputBias[row] ?? 0);
  const fromHidden = (row: number, state: Vector): number => dot(p.r, row, state) + (p.hiddenBias[row] ?? 0);
  const gate = (number: number, k: number): number => {
    const row = number * size + k;
    return f(clip(fromInput(row) + fromHidden(row, h)));
  };
  const update = h.map((_, k) => gate(0, k));
  const reset = h.map((_, k) => gate(1, k));
  const resetState = h.map((value, k) => value * (reset[k] ?? 0));
  const resetsAfter = intAttribute(node, 'linear_before_reset', 0) !== 0;
  const next = h.map((old, k) => {
    const row = 2 * size + k;
    const recurrent = resetsAfter ? (reset[k] ?? 0) * fromHidden(row, h) : fromHidden(row, resetState);
    const z = update[k] ?? 0;
    return (1 - z) * g(clip(fromInput(row) + recurrent)) + z * old;
  });
  return { h: next, c };
};

const rnnCell: Cell = (node, p, x, { h, c }) => {
  const [f = Math.tanh] = p.activations;
  const clip = clipper(node);
  const next = h.map((_, row) =>
    f(clip(dot(p.w, row, x) + dot(p.r, row, h) + (p.inputBias[row] ?? 0) + (p.hiddenBias[row] ?? 0))),
  );
  return { h: next, c };
};

/** Y, Y_h and Y_c of one cell along every sequence. */
function evaluateRecurrent(
  c: EvaluateContext,
  gates: number,
  defaults: readonly string[],
  cell: Cell,
): readonly NumericArray[] {
  const { node } = c;
  const [x, w, r] = [requiredArray(c, 0), requiredArray(c, 1), requiredArray(c, 2)];
  const { steps, batch, features, hidden, directions } = recurrentShapes(
    node,
    x.shape,
    w.shape,
    r.shape,
    gates,
  );
  const part = (i: number, d: number, size: number): Vector =>
    c.inputs[i]?.data.subarray(d * size, (d + 1) * size) ?? new Float64Array(size);
  const activations = activationsOf(node, defaults);
  const y = new Float64Array(steps * directions * batch * hidden);
  const last = [new Float64Array(directions * batch * hidden), new Float64Array(directions * batch * hidden)];

  directionsOf(node).forEach((reverse, d) => {
    const biases = part(3, d, 2 * gates * hidden);
    const parameters: Parameters = {
      w: part(1, d, gates * hidden * features),
      r: part(2, d, gates * hidden * hidden),
      inputBias: biases.subarray(0, gates * hidden),
      hiddenBias: biases.subarray(gates * hidden),
      peepholes: part(7, d, 3 * hidden),
      activations: (activations[d] ?? []).map((activation) => (v: number) => activate(activation, v)),
    };
    for (let b = 0; b < batch; b++) {
      const row = d * batch + b;
      let state: State = { h: part(5, row, hidden), c: part(6, row, hidden) };
      const length = c.inputs[4]?.data[b] ?? steps;
      for (let step = 0; step < length; step++) {
        const t = reverse ? length - 1 - step : step;
        const at = (t * batch + b) * features;
        state = cell(node, parameters, x.data.subarray(at, at + features), state);
        y.set(state.h, ((t * directions + d) * batch + b) * hidden);
      }
      last[0]?.set(state.h, row * hidden);
      last[1]?.set(state.c, row * hidden);
    }
  });
  const { dtype } = x;
  return [
    { dtype, shape: [steps, directions, batch, hidden], data: y },
    ...last.map((data) => ({ dtype, shape: [directions, batch, hidden], data })),
  ];
}

export const evaluateLstm = (c: EvaluateContext): readonly NumericArray[] =>
  evaluateRecurrent(c, 4, ['Sigmoid', 'Tanh', 'Tanh'], lstmCell);
export const evaluateGru = (c: EvaluateContext): readonly NumericArray[] =>
  evaluateRecurrent(c, 3, ['Sigmoid', 'Tanh'], gruCell).slice(0, 2);
export const evaluateRnn = (c: EvaluateContext): readonly NumericArray[] =>
  evaluateRecurrent(c, 1, ['Tanh'], rnnCell).slice(0, 2);
