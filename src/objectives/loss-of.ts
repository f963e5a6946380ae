import { GspfError } from '../errors.ts';
import type { LossName } from '../options/loss-names.ts';
import { type DType, isFloat, type Shape, sizeOf } from '../tensor.ts';
import { classLoss } from './class-loss.ts';
import { contrastiveLoss } from './contrastive-loss.ts';
import type { LossContext, OutputLoss } from './output-loss.ts';
import { binaryCrossEntropy, cosineLoss, squaredError } from './value-losses.ts';

/** The loss of that name. @param factors Of the classes, for the cross-entropies. */
export function lossOf(name: LossName, context: LossContext, factors?: Float32Array): OutputLoss {
  switch (name) {
    case 'cross-entropy':
      return classLoss(context, { axis: 'first', metric: 'f1', factors });
    case 'token-cross-entropy':
      return classLoss(context, { axis: 'last', metric: 'f1', factors });
    case 'pixel-cross-entropy':
      return classLoss(context, { axis: 'first', metric: 'iou', factors });
    case 'binary-cross-entropy':
      return binaryCrossEntropy(context);
    case 'mse':
      return squaredError(context);
    case 'cosine':
      return cosineLoss(context);
    case 'contrastive':
      return contrastiveLoss(context);
  }
}

const classLosses: readonly LossName[] = ['cross-entropy', 'token-cross-entropy', 'pixel-cross-entropy'];

/** Whether a loss is one of classes that a softmax chooses among. */
export function choosesClasses(loss: LossName): boolean {
  return classLosses.includes(loss);
}

/** Whether what is to be learnt are class numbers; numbers of any kind otherwise. */
export function learnsClasses(loss: LossName): boolean {
  return choosesClasses(loss) || loss === 'contrastive';
}

/**
 * The shape that the targets of one example have for an output of some shape: that of the output, without its classes
 * where it has some.
 */
export function targetShape(loss: LossName, output: Shape): Shape {
  switch (loss) {
    case 'cross-entropy':
    case 'pixel-cross-entropy':
      return output.slice(1);
    case 'token-cross-entropy':
      return output.slice(0, -1);
    case 'contrastive':
      return [];
    default:
      return output;
  }
}

/** Whether a loss can compare outputs and targets of these shapes; axes of one number may be left out or added. */
export function fitsTargets(loss: LossName, output: Shape, target: Shape): boolean {
  if (loss === 'cross-entropy' && output.length !== 1) return false;
  if (choosesClasses(loss) && loss !== 'cross-entropy' && output.length < 2) return false;
  const squeezed = (shape: Shape): string => shape.filter((extent) => extent !== 1).join();
  return squeezed(targetShape(loss, output)) === squeezed(target);
}

/**
 * The loss that targets are usually learnt by, where none is named: a cross-entropy of integers, by the axis that they
 * lack, the squared error of floats.
 *
 * @param output Of one example; undefined for a new head, which fits any.
 * @throws `usage/option` where that leaves a choice.
 */
export function usualLoss(
  output: Shape | undefined,
  { dtype, shape }: { readonly dtype: DType; readonly shape: Shape },
): LossName {
  if (isFloat(dtype)) return 'mse';
  const isOne = sizeOf(shape) === 1;
  if (dtype === 'bool' || (isOne && output !== undefined && sizeOf(output) === 1)) {
    return 'binary-cross-entropy';
  }
  const fitting = output && classLosses.filter((loss) => fitsTargets(loss, output, shape));
  const [only, ...others] = fitting ?? (isOne ? classLosses : []);
  if (only !== undefined && (output === undefined || others.length === 0)) return only;
  throw new GspfError('usage/option', {
    subject: 'loss',
    expected: 'a loss by name (--loss), as the shapes do not tell which',
    got: `targets ${dtype}[${['examples', ...shape].join(', ')}]${output ? `, output [${['batch', ...output].join(', ')}]` : ''}`,
  });
}
