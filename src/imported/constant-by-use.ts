import type { Tensor } from '../tensor.ts';
import { isUniform } from './values.ts';
import { takesWeight } from './weight-inputs.ts';
import type { Use, Wiring } from './wiring.ts';

/** Operators that scale what they normalise: exporters fill in ones and zeros where the model has neither. */
const normalizations: ReadonlySet<string> = new Set([
  'BatchNormalization',
  'GroupNormalization',
  'InstanceNormalization',
  'LayerNormalization',
  'RMSNormalization',
]);

/** Names that exporters make up for values without one: `val_86`, `onnx::Mul_12`, `/block/Constant_3_output_0`. */
const madeUpName = /^val_\d+|^onnx::\w+_\d+$|(^|\/)Constant(_\d+)?_output_0$|^(const|_tensor_constant)/;

/** The largest factor or summand of a raw input that is taken for its preparation: one for each channel. */
const CHANNELS = 16;

/** What the places where a tensor is read say against its being a weight; undefined where they say nothing. */
export function constantByUse(name: string, tensor: Tensor<'float32'>, wiring: Wiring): string | undefined {
  const uses = wiring.uses(name);
  const asWeight = uses.some(({ node, index }) => takesWeight(node, index));
  if (isUniform(tensor) && tensor.data.length > 1) {
    const madeUp = madeUpName.test(name);
    const filled = uses.every(({ node }) => normalizations.has(node.opType));
    if (filled && madeUp) return 'ones or zeros, for a normalisation without weights';
    if (!asWeight && (madeUp || tensor.shape.length > 2)) return 'all its elements are alike';
  }
  if (asWeight) return undefined;
  if (tensor.shape.length === 0) return 'a single number';
  if (tensor.data.length === 1 && !uses.every((use) => addsToProduct(use, wiring))) return 'a single number';
  if (uses.every(isState)) return 'the state that a recurrent layer starts with';
  if (uses.every(isRunning)) return 'the running statistics of a batch normalisation';
  if (uses.every((use) => becomesAngle(use, wiring))) return 'frequencies of sines and cosines';
  if (uses.every((use) => preparesInput(use, tensor, wiring))) return 'it scales or shifts an input';
  return undefined;
}

function isState({ node, index }: Use): boolean {
  return (index === 5 || index === 6) && ['GRU', 'LSTM', 'RNN'].includes(node.opType);
}

function isRunning({ node, index }: Use): boolean {
  return (index === 3 || index === 4) && node.opType === 'BatchNormalization';
}

/** Whether all that becomes of it, by products alone, goes into a sine or cosine. */
function becomesAngle({ node }: Use, wiring: Wiring): boolean {
  if (node.opType === 'Sin' || node.opType === 'Cos') return true;
  if (!['Concat', 'Einsum', 'MatMul', 'Mul'].includes(node.opType)) return false;
  const next = node.outputs.flatMap(wiring.uses);
  return next.length > 0 && next.every((use) => becomesAngle(use, wiring));
}

/** A bias of one element: it is added to a product. */
function addsToProduct({ node, index }: Use, wiring: Wiring): boolean {
  const other = wiring.maker(node.inputs[1 - index] ?? '');
  return node.opType === 'Add' && ['Conv', 'Gemm', 'MatMul'].includes(other?.opType ?? '');
}

/** Mean and deviation of pixels or of columns: taken from a graph input, or dividing it, before any layer. */
function preparesInput({ node, index }: Use, { data }: Tensor, wiring: Wiring): boolean {
  const fits =
    node.opType === 'Sub' || node.opType === 'Div'
      ? index === 1
      : (node.opType === 'Add' || node.opType === 'Mul') && data.length <= CHANNELS;
  return fits && isRaw(node.inputs[1 - index] ?? '', wiring);
}

const preparations = ['Add', 'Cast', 'Div', 'Identity', 'Mul', 'Reshape', 'Sub', 'Transpose', 'Unsqueeze'];

/** Whether a value is a graph input, but for scaling, shifting and layout. */
function isRaw(name: string, wiring: Wiring): boolean {
  if (wiring.isInput(name)) return true;
  const maker = wiring.maker(name);
  if (maker === undefined || !preparations.includes(maker.opType)) return false;
  const [first = '', ...others] = maker.inputs;
  return isRaw(first, wiring) && others.every(wiring.isInitializer);
}
