import { GspfError } from '../errors.ts';
import type { LossName } from '../options/loss-names.ts';
import type { ClassWeights } from '../options/options.ts';
import { type ArraysTask, exampleType, requireTarget } from '../tasks/arrays.ts';
import { type Shape, sizeOf } from '../tensor.ts';
import { arrayTargets, countClasses } from './array-targets.ts';
import { classFactors } from './class-factors.ts';
import { choosesClasses, lossOf, usualLoss } from './loss-of.ts';
import type { ArrayNetwork } from './network.ts';
import type { Objective } from './objective.ts';
import { NO_CLASS, type OutputLoss, requireClasses, withOutputLoss } from './output-loss.ts';

/** The keys of a patch's metadata that say how outputs and columns are to be read. */
export const arrayMetadata = { loss: 'task_loss', columns: 'feature_columns' } as const;

/** A head of the size that a task wants. */
export interface HeadSize {
  readonly each: 'example' | 'token' | 'pixel';
  readonly width: number;
}

/** What a head gives a row of numbers for, by the loss that it is trained with. */
export function headScope(loss: LossName | undefined): HeadSize['each'] {
  if (loss === 'token-cross-entropy') return 'token';
  return loss === 'pixel-cross-entropy' ? 'pixel' : 'example';
}

/** The loss of a task on arrays: that which is named, else the usual one of its targets. */
export function lossOfTask(task: ArraysTask, loss: LossName | null | undefined, output?: Shape): LossName {
  if (loss !== null && loss !== undefined) return loss;
  const [example] = [...task.train, ...task.evaluation];
  if (example === undefined) {
    throw new GspfError('input/data', { subject: `task ${task.name}`, expected: 'examples', got: 'none' });
  }
  return usualLoss(output, exampleType(requireTarget(example.arrays).tensor));
}

/** The size of a new head for a task. @throws `usage/option` for a loss that has no size of its own. */
export function headSize(task: ArraysTask, loss: LossName): HeadSize {
  const examples = [...task.train, ...task.evaluation];
  const [example] = examples;
  if (loss === 'contrastive' || example === undefined) {
    throw new GspfError('usage/option', {
      subject: 'graph.headOn',
      expected: 'a loss that says how large the head is to be',
      got: loss,
      hint: 'Train an output of the graph with it: --output NAME.',
    });
  }
  if (choosesClasses(loss)) {
    return { each: headScope(loss), width: task.labels?.length ?? countClasses(examples) };
  }
  const { shape } = exampleType(requireTarget(example.arrays).tensor);
  return { each: 'example', width: sizeOf(shape) };
}

/**
 * What a graph gives for arrays, by a loss on its output.
 *
 * @param classWeights Factors for the classes of a cross-entropy.
 * @throws `input/data` for targets that do not go with the output, `usage/option` for class weights that do not fit.
 */
export function arraysObjective(
  task: ArraysTask,
  network: ArrayNetwork,
  name: LossName,
  classWeights: ClassWeights,
): Objective {
  const { shape } = network;
  const train = arrayTargets(name, task.train, shape);
  const evaluation = arrayTargets(name, task.evaluation, shape);
  const width = name === 'token-cross-entropy' ? (shape.at(-1) ?? 0) : (shape[0] ?? 0);
  const classes = choosesClasses(name)
    ? requireClasses(train).filter((label) => label !== NO_CLASS)
    : undefined;
  const labels = task.labels ?? Array.from({ length: width }, (_, label) => `${label}`);
  const factors = classes && classFactors(classWeights, classes, labels);
  if (classes === undefined && classWeights !== 'none') {
    throw new GspfError('usage/option', {
      subject: 'classWeights',
      expected: 'none, for a loss without classes to choose among',
      got: name,
    });
  }
  const loss: OutputLoss = lossOf(name, { shape, train, evaluation }, factors);
  const [example] = [...task.train, ...task.evaluation];
  const columns = example?.arrays.columns;
  return {
    parameters: network.parameters,
    statistics: network.statistics,
    zeroGradient: network.zeroGradient,
    copies: network.copies,
    patchMetadata: {
      ...network.patchMetadata,
      [arrayMetadata.loss]: name,
      ...(columns !== undefined && { [arrayMetadata.columns]: JSON.stringify(columns) }),
    },
    forward: network.graph(),
    layout: { of: 'array', width: sizeOf(shape), shape },
    withLoss: () => withOutputLoss(network.graph(), loss),
    train: network.features(task.train),
    evaluation: network.features(task.evaluation),
    targets: loss.targets,
    lossWeight: loss.weight,
    score: loss.score,
    ...(name === 'cross-entropy' && loss.confusion && { confusion: loss.confusion }),
  };
}
