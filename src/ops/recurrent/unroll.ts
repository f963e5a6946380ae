import { floatAttribute, intAttribute } from '../../graph/attributes.ts';
import { int } from '../../graph/graph.ts';
import { int64 } from '../../tensor.ts';
import type { ExpandContext, Value } from '../definition.ts';
import { type Activation, activationsOf, directionsOf, recurrentShapes } from './attributes.ts';

/** What a batch of rows remembers between two steps: `[batch, hidden]` each; only LSTM has a cell. */
interface State {
  readonly h: Value;
  readonly c: Value | undefined;
}

/** One direction of a recurrent node. */
interface Direction {
  readonly c: ExpandContext;
  /** `[gates·hidden, hidden]` */
  readonly r: Value;
  readonly hidden: number;
  /** The bias of the recurrent product, `[gates·hidden]`, where it is not part of the inputs' already. */
  readonly hiddenBias: Value | undefined;
  /** LSTM's P: what the gates i, o and f see of the cell, `[hidden]` each. */
  readonly peepholes: readonly Value[];
  readonly activations: readonly Activation[];
}

/** One step: what the inputs give to the gates, `[batch, gates·hidden]`, and a state make the next state. */
type Cell = (d: Direction, x: Value, state: State) => State;

function activate({ op }: ExpandContext, { name, alpha, beta }: Activation, x: Value): Value {
  switch (name) {
    case 'affine':
      return op('Add', [op('Mul', [x, alpha]), beta]);
    case 'elu':
      return op('Where', [
        op('Less', [x, 0]),
        op('Mul', [op('Sub', [op('Exp', [op('Min', [x, 0])]), 1]), alpha]),
        x,
      ]);
    case 'hardsigmoid':
      return op('Clip', [op('Add', [op('Mul', [x, alpha]), beta]), 0, 1]);
    case 'leakyrelu':
      return op('Where', [op('Less', [x, 0]), op('Mul', [x, alpha]), x]);
    case 'relu':
      return op('Relu', [x]);
    case 'scaledtanh':
      return op('Mul', [op('Tanh', [op('Mul', [x, beta])]), alpha]);
    case 'sigmoid':
      return op('Sigmoid', [x]);
    case 'softplus': {
      const tail = op('Log', [op('Add', [op('Exp', [op('Neg', [op('Abs', [x])])]), 1])]);
      return op('Add', [op('Relu', [x]), tail]);
    }
    case 'softsign':
      return op('Div', [x, op('Add', [op('Abs', [x]), 1])]);
    case 'thresholdedrelu':
      return op('Where', [op('Greater', [x, alpha]), x, 0]);
    default:
      return op('Tanh', [x]);
  }
}

/** Activation number `i` of the direction. */
function apply({ c, activations }: Direction, i: number, x: Value): Value {
  const activation = activations[i];
  return activation === undefined ? x : activate(c, activation, x);
}

/** The same behind the attribute `clip`, which bounds what the gates see (and not the cell on its way out). */
function applyClipped(d: Direction, i: number, x: Value): Value {
  const limit = floatAttribute(d.c.node, 'clip', 0);
  return apply(d, i, limit > 0 ? d.c.op('Clip', [x, -limit, limit]) : x);
}

/** `x` cut into equal parts along an axis. */
function parts({ ops, constant }: ExpandContext, x: Value, count: number, axis: number): readonly Value[] {
  if (count === 1) return [x];
  const size = (x.shape[axis] ?? 0) / count;
  const sizes = constant(int64([count], new Array<number>(count).fill(size)));
  return ops('Split', [x, sizes], { axis: int(axis) }, count);
}

/** x·Rᵀ + bias. */
function times({ c: { op } }: Direction, x: Value, r: Value, bias: Value | undefined): Value {
  return op('Gemm', [x, r, bias], { transB: int(1) });
}

/** c' = f∘c + i∘g and h' = o∘tanh c', the gates in ONNX's order i, o, f, c. */
const lstmCell: Cell = (d, x, { h, c: cell }) => {
  const { c } = d;
  const { op } = c;
  const [i, o, f, g] = parts(c, times(d, h, d.r, x), 4, 1);
  if (i === undefined || o === undefined || f === undefined || g === undefined || cell === undefined) {
    return { h, c: cell };
  }
  const peep = (gate: Value, number: number, seen: Value): Value => {
    const weight = d.peepholes[number];
    return weight === undefined ? gate : op('Add', [gate, op('Mul', [weight, seen])]);
  };
  const input = applyClipped(d, 0, peep(i, 0, cell));
  const isCoupled = intAttribute(c.node, 'input_forget', 0) === 1;
  const forget = isCoupled ? op('Sub', [1, input]) : applyClipped(d, 0, peep(f, 2, cell));
  const next = op('Add', [op('Mul', [forget, cell]), op('Mul', [input, applyClipped(d, 1, g)])]);
  return { h: op('Mul', [applyClipped(d, 0, peep(o, 1, next)), apply(d, 2, next)]), c: next };
};

/** h' = (1 − z)∘n + z∘h, the gates in ONNX's order z, r, h. */
const gruCell: Cell = (d, x, { h }) => {
  const { c, hidden } = d;
  const { op } = c;
  const [xz, xr, xn] = parts(c, x, 3, 1);
  if (xz === undefined || xr === undefined || xn === undefined) return { h, c: undefined };
  const blend = (z: Value, n: Value): State => ({
    h: op('Add', [n, op('Mul', [z, op('Sub', [h, n])])]),
    c: undefined,
  });
  if (intAttribute(c.node, 'linear_before_reset', 0) !== 0) {
    const [hz = h, hr = h, hn = h] = parts(c, times(d, h, d.r, d.hiddenBias), 3, 1);
    const r = applyClipped(d, 0, op('Add', [xr, hr]));
    const n = applyClipped(d, 1, op('Add', [xn, op('Mul', [r, hn])]));
    return blend(applyClipped(d, 0, op('Add', [xz, hz])), n);
  }
  const sizes = c.constant(int64([3], [hidden, hidden, hidden]));
  const [rz = d.r, rr = d.r, rn = d.r] = c.ops('Split', [d.r, sizes], { axis: int(0) }, 3);
  const z = applyClipped(d, 0, times(d, h, rz, xz));
  const r = applyClipped(d, 0, times(d, h, rr, xr));
  return blend(z, applyClipped(d, 1, times(d, op('Mul', [r, h]), rn, xn)));
};

const rnnCell: Cell = (d, x, { h }) => ({ h: applyClipped(d, 0, times(d, h, d.r, x)), c: undefined });

/** Y, Y_h and, for LSTM, Y_c, one step after another. */
function unroll(c: ExpandContext, gates: number, defaults: readonly string[], cell: Cell): readonly Value[] {
  const { node, op, constant, reshape } = c;
  const x = c.input(0);
  const shapes = recurrentShapes(node, x.shape, c.input(1).shape, c.input(2).shape, gates);
  const { steps, batch, features, hidden, directions } = shapes;
  const lengths = c.optional(4);
  const activations = activationsOf(node, defaults);
  const along = (i: number, shape: readonly number[]): readonly Value[] => {
    const whole = c.optional(i);
    if (whole === undefined) return [];
    return parts(c, whole, directions, 0).map((part) => reshape(part, shape));
  };
  const [w, r] = [along(1, [gates * hidden, features]), along(2, [gates * hidden, hidden])];
  const biases = along(3, [2, gates * hidden]);
  const [h0, c0] = [along(5, [batch, hidden]), along(6, [batch, hidden])];
  const peepholes = along(7, [3, hidden]);
  const flat = reshape(x, [steps * batch, features]);
  const hasCell = gates === 4;
  const addsBiases = intAttribute(node, 'linear_before_reset', 0) === 0;

  const results = directionsOf(node).map((reverse, d) => {
    const bias = biases[d];
    const [inputBias, hiddenBias] =
      bias === undefined ? [] : parts(c, bias, 2, 0).map((half) => reshape(half, [gates * hidden]));
    const joined =
      inputBias === undefined || hiddenBias === undefined || !addsBiases
        ? inputBias
        : op('Add', [inputBias, hiddenBias]);
    const fromInputs = op('Gemm', [flat, w[d], joined], { transB: int(1) });
    const peephole = peepholes[d];
    const direction: Direction = {
      c,
      r: r[d] ?? x,
      hidden,
      hiddenBias: addsBiases ? undefined : hiddenBias,
      peepholes: peephole === undefined ? [] : parts(c, peephole, 3, 0),
      activations: activations[d] ?? [],
    };
    const nothing = c.zeros([batch, hidden], x.dtype);
    let state: State = { h: h0[d] ?? nothing, c: hasCell ? (c0[d] ?? nothing) : undefined };
    const inputs = parts(c, fromInputs, steps, 0);
    const outputs = new Array<Value>(steps).fill(nothing);
    for (let step = 0; step < steps; step++) {
      const t = reverse ? steps - 1 - step : step;
      const next = cell(direction, inputs[t] ?? x, state);
      if (lengths === undefined) {
        state = next;
        outputs[t] = next.h;
        continue;
      }
      // A row that has ended keeps its state; one read from its end has not begun, which comes to the same.
      const limit = constant({ dtype: 'int32', shape: [], data: Int32Array.of(t) });
      const runs = reshape(op('Greater', [lengths, limit]), [batch, 1]);
      const keep = (fresh: Value, old: Value): Value => op('Where', [runs, fresh, old]);
      outputs[t] = op('Where', [runs, next.h, 0]);
      state = {
        h: keep(next.h, state.h),
        c: next.c === undefined || state.c === undefined ? undefined : keep(next.c, state.c),
      };
    }
    const y = steps === 1 ? (outputs[0] ?? nothing) : op('Concat', outputs, { axis: int(0) });
    const asState = (value: Value): Value => reshape(value, [1, batch, hidden]);
    return {
      y: reshape(y, [steps, 1, batch, hidden]),
      h: asState(state.h),
      c: state.c && asState(state.c),
    };
  });
  const join = (values: readonly (Value | undefined)[], axis: number): Value[] => {
    const present = values.filter((value) => value !== undefined);
    const [first] = present;
    if (first === undefined) return [];
    return [present.length === 1 ? first : op('Concat', present, { axis: int(axis) })];
  };
  return [
    ...join(
      results.map(({ y }) => y),
      1,
    ),
    ...join(
      results.map(({ h }) => h),
      0,
    ),
    ...join(
      results.map((result) => result.c),
      0,
    ),
  ];
}

export const unrollLstm = (c: ExpandContext): readonly Value[] =>
  unroll(c, 4, ['Sigmoid', 'Tanh', 'Tanh'], lstmCell);
export const unrollGru = (c: ExpandContext): readonly Value[] => unroll(c, 3, ['Sigmoid', 'Tanh'], gruCell);
export const unrollRnn = (c: ExpandContext): readonly Value[] => unroll(c, 1, ['Tanh'], rnnCell);
