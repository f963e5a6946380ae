import { type Attributes, float, int, string } from '../../../src/graph/graph.ts';
import type { OpType } from '../../../src/ops/definition.ts';
import { indices32, real, type Spec, type SpecInput, spec, within } from '../spec.ts';

const gatesOf = { LSTM: 4, GRU: 3, RNN: 1 } as const;
const [steps, batch, features, hidden] = [3, 2, 3, 2];
const lengths = indices32([batch], [3, 1]);
const weights = within(-1, 1);

/** A recurrent node with its optional inputs up to those asked for. */
function cell(
  op: keyof typeof gatesOf,
  about: string,
  attributes: Attributes,
  { bias = false, length = undefined as SpecInput | undefined, state = false, peep = false } = {},
): Spec {
  const gates = gatesOf[op];
  const direction = attributes['direction'];
  const d = direction?.type === 'string' && direction.value === 'bidirectional' ? 2 : 1;
  const outputs = ['Y', 'Y_h', ...(op === 'LSTM' ? ['Y_c'] : [])];
  const inputs = [
    real(steps, batch, features),
    weights(d, gates * hidden, features),
    weights(d, gates * hidden, hidden),
    bias ? weights(d, 2 * gates * hidden) : undefined,
    length,
    state ? real(d, batch, hidden) : undefined,
    state && op === 'LSTM' ? real(d, batch, hidden) : undefined,
    peep ? weights(d, 3 * hidden) : undefined,
  ];
  while (inputs.at(-1) === undefined) inputs.pop();
  return spec(op, about, inputs, { hidden_size: int(hidden), ...attributes }, { outputs });
}

const strings = (...value: string[]) => ({ type: 'strings', value }) as const;
const floats = (...value: number[]) => ({ type: 'floats', value }) as const;
const everything = { bias: true, state: true } as const;
const both = { direction: string('bidirectional') };

const directions = (op: keyof typeof gatesOf): Spec[] => [
  cell(op, 'forward, nothing optional', {}),
  cell(op, 'forward, biases and states', {}, everything),
  cell(op, 'reverse', { direction: string('reverse') }, everything),
  cell(op, 'both directions', both, everything),
  cell(op, 'rows that end early', {}, { ...everything, length: lengths }),
  cell(op, 'rows that end early, both directions', both, { ...everything, length: lengths }),
  cell(op, 'clip', { clip: float(0.375) }, everything),
];

/** An activation that every cell may have, in place of each of its own. */
const activation = (op: OpType & keyof typeof gatesOf, name: string, attributes: Attributes = {}): Spec =>
  cell(
    op,
    `activation ${name}`,
    {
      activations: strings(...new Array<string>(op === 'LSTM' ? 3 : op === 'GRU' ? 2 : 1).fill(name)),
      ...attributes,
    },
    everything,
  );

export const recurrentSpecs: readonly Spec[] = [
  ...directions('LSTM'),
  ...directions('GRU'),
  ...directions('RNN'),
  cell('LSTM', 'peepholes', both, { ...everything, peep: true }),
  cell('LSTM', 'peepholes, rows that end early', {}, { ...everything, length: lengths, peep: true }),
  cell('LSTM', 'coupled gates', { input_forget: int(1) }, everything),
  cell('GRU', 'linear before reset', { linear_before_reset: int(1) }, everything),
  cell('GRU', 'linear before reset, both directions', { ...both, linear_before_reset: int(1) }, everything),
  cell('GRU', 'linear before reset, no bias', { linear_before_reset: int(1) }),
  ...['Relu', 'Tanh', 'Sigmoid', 'Softsign', 'Softplus'].map((name) => activation('RNN', name)),
  activation('RNN', 'Affine', { activation_alpha: floats(0.75), activation_beta: floats(0.125) }),
  activation('RNN', 'Elu', { activation_alpha: floats(0.625) }),
  activation('RNN', 'HardSigmoid', { activation_alpha: floats(0.375), activation_beta: floats(0.375) }),
  activation('RNN', 'LeakyRelu', { activation_alpha: floats(0.25) }),
  activation('RNN', 'ScaledTanh', { activation_alpha: floats(1.75), activation_beta: floats(0.625) }),
  activation('RNN', 'ThresholdedRelu', { activation_alpha: floats(0.375) }),
  activation('GRU', 'Elu', { activation_alpha: floats(0.625, 1.25) }),
  activation('LSTM', 'HardSigmoid', {
    activation_alpha: floats(0.25, 0.375, 0.5),
    activation_beta: floats(0.375, 0.5, 0.625),
  }),
];
