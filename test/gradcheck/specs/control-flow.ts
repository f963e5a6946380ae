import { type Body, int, ints, type Node } from '../../../src/graph/graph.ts';
import { float32, int64, type Tensor } from '../../../src/tensor.ts';
import { flags, indices, known, real, type Spec, spec } from '../spec.ts';

const node = (opType: string, inputs: readonly string[], output: string): Node => ({
  name: output,
  opType,
  inputs,
  outputs: [output],
  attributes: {},
});

const constant = (name: string, value: Tensor): Node => ({
  ...node('Constant', [], name),
  attributes: { value: { type: 'tensor', value } },
});

const body = (inputs: readonly string[], outputs: readonly string[], ...nodes: Node[]) =>
  ({ type: 'graph', value: { inputs, outputs, nodes } satisfies Body }) as const;

/** y = tanh x1 or x1·x2, both from the graph around. */
const branches = {
  then_branch: body([], ['a'], node('Tanh', ['x1'], 'a')),
  else_branch: body([], ['b'], node('Mul', ['x1', 'x2'], 'b')),
};

/** h ← tanh(h·w), collecting h·h; w is the graph's. */
const repeated = {
  body: body(
    ['i', 'go', 'h'],
    ['go', 'next', 'square'],
    node('MatMul', ['h', 'x3'], 'm'),
    node('Tanh', ['m'], 'next'),
    node('Mul', ['next', 'next'], 'square'),
  ),
};

/** h ← tanh(h + x), collecting h·x. */
const running = body(
  ['h', 'x'],
  ['next', 'out'],
  node('Add', ['h', 'x'], 's'),
  node('Tanh', ['s'], 'next'),
  node('Mul', ['next', 'x'], 'out'),
);

const count = known(indices([], [3]));
const yes = known(flags([], [1]));
const pair = { outputs: ['last', 'all'] };

export const controlFlowSpecs: readonly Spec[] = [
  captured(spec('If', 'taken, known', [yes], branches)),
  captured(spec('If', 'not taken, known', [known(flags([], [0]))], branches)),
  captured(spec('If', 'taken, fed', [flags([], [1])], branches)),
  captured(spec('If', 'not taken, fed', [flags([1], [0])], branches)),
  {
    ...spec('Loop', 'a number of passes', [count, undefined, real(2, 2)], repeated, pair),
    captured: [real(2, 2)],
  },
  {
    ...spec('Loop', 'one pass', [known(indices([], [1])), yes, real(2, 2)], repeated, pair),
    captured: [real(2, 2)],
  },
  spec(
    'Loop',
    'until a condition',
    [count, yes, real(2)],
    {
      body: body(
        ['i', 'go', 'h'],
        ['more', 'next', 'kept'],
        constant('one', int64([], [1])),
        constant('half', float32([], [0.5])),
        node('Less', ['i', 'one'], 'more'),
        node('Exp', ['h'], 'next'),
        node('Neg', ['next'], 'kept'),
      ),
    },
    pair,
  ),
  spec('Scan', 'forward', [real(2), real(3, 2)], { body: running, num_scan_inputs: int(1) }, pair),
  spec(
    'Scan',
    'backward along the second axis, collected behind',
    [real(2), real(2, 3)],
    {
      body: running,
      num_scan_inputs: int(1),
      scan_input_axes: ints([1]),
      scan_input_directions: ints([1]),
      scan_output_axes: ints([1]),
      scan_output_directions: ints([1]),
    },
    pair,
  ),
];

/** The two tensors that the branches read. */
function captured(plain: Spec): Spec {
  return { ...plain, captured: [real(2, 3), real(3)] };
}
