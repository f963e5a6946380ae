import { GspfError } from '../errors.ts';
import { isWeight, widen } from '../models/half-precision.ts';
import type { LossName } from '../options/loss-names.ts';
import { type ArrayExample, type Arrays, exampleType, requireTarget } from '../tasks/arrays.ts';
import { formatType, isFloat, type Shape, sizeOf, type Tensor } from '../tensor.ts';
import { choosesClasses, fitsTargets, learnsClasses, targetShape } from './loss-of.ts';
import { NO_CLASS, type Targets } from './output-loss.ts';

/** What uint8, which has no negative numbers, says in place of {@link NO_CLASS}, as masks of images do. */
const NO_CLASS_UINT8 = 255;

/**
 * What some examples are to give, checked.
 *
 * @param output The shape of the output of one example.
 * @throws `input/data` for targets of another type or shape than the loss compares the output with, and for classes
 *   and numbers out of range.
 */
export function arrayTargets(loss: LossName, examples: readonly ArrayExample[], output: Shape): Targets {
  const size = sizeOf(targetShape(loss, output));
  const classes = loss === 'token-cross-entropy' ? output.at(-1) : output[0];
  const highest = choosesClasses(loss) ? (classes ?? 0) - 1 : Number.POSITIVE_INFINITY;
  const read = new Map<Arrays, Float64Array>();
  const isClass = learnsClasses(loss);
  const data = isClass ? new Int32Array(examples.length * size) : new Float32Array(examples.length * size);
  examples.forEach(({ arrays, row }, i) => {
    let numbers = read.get(arrays);
    if (numbers === undefined) {
      numbers = checkedNumbers(loss, arrays, output);
      read.set(arrays, numbers);
    }
    const own = numbers.subarray(row * size, (row + 1) * size);
    const wrong = own.find((value) =>
      isClass ? value !== NO_CLASS && !(value >= 0 && value <= highest) : !isNumber(loss, value),
    );
    if (wrong !== undefined) throw outOfRange(loss, arrays, row, wrong, highest);
    data.set(own, i * size);
  });
  return data instanceof Int32Array ? { kind: 'classes', data } : { kind: 'values', data };
}

/** One more than the highest class of some examples. */
export function countClasses(examples: readonly ArrayExample[]): number {
  const all = new Set(examples.map(({ arrays }) => arrays));
  let classes = 0;
  for (const arrays of all) {
    const { tensor } = requireTarget(arrays);
    for (const value of numbersOf(tensor, true)) classes = Math.max(classes, value + 1);
  }
  return classes;
}

/** The target of some arrays as doubles, of the type and shape that a loss wants. */
function checkedNumbers(loss: LossName, arrays: Arrays, output: Shape): Float64Array {
  const { name, tensor } = requireTarget(arrays);
  const { shape } = exampleType(tensor);
  const isClass = learnsClasses(loss);
  const rightType = isClass ? !isFloat(tensor.dtype) && tensor.dtype !== 'bool' : true;
  if (rightType && fitsTargets(loss, output, shape)) return numbersOf(tensor, isClass);
  const wanted = ['examples', ...targetShape(loss, output)].join(', ');
  throw new GspfError('input/data', {
    subject: `${arrays.source}: tensor "${name}"`,
    expected: `${isClass ? 'integers' : 'numbers'} [${wanted}], for ${loss} of an output [${['batch', ...output].join(', ')}]`,
    got: formatType(tensor),
    hint: 'Choose another loss (--loss) or output (--output), or put a head of the right size on a value (--head-on).',
  });
}

function numbersOf(tensor: Tensor, isClass: boolean): Float64Array {
  const { dtype, data } = isWeight(tensor) ? widen(tensor) : tensor;
  const numbers = Float64Array.from<number | bigint>(data, Number);
  if (!isClass || dtype !== 'uint8') return numbers;
  return numbers.map((value) => (value === NO_CLASS_UINT8 ? NO_CLASS : value));
}

function isNumber(loss: LossName, value: number): boolean {
  return Number.isFinite(value) && (loss !== 'binary-cross-entropy' || (value >= 0 && value <= 1));
}

function outOfRange(loss: LossName, arrays: Arrays, row: number, got: number, highest: number): GspfError {
  const { name, tensor } = requireTarget(arrays);
  const toLeaveOut = tensor.dtype === 'uint8' ? NO_CLASS_UINT8 : NO_CLASS;
  const classes = Number.isFinite(highest) ? `a class from 0 to ${highest}` : 'a class of at least 0';
  const numbers = loss === 'binary-cross-entropy' ? 'a number from 0 to 1' : 'a finite number';
  const expected = learnsClasses(loss) ? `${classes}, or ${toLeaveOut} to leave a place out` : numbers;
  return new GspfError('input/data', {
    subject: `${arrays.source}: tensor "${name}", row ${row}`,
    expected,
    got: `${got}`,
  });
}
