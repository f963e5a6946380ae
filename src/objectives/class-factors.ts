import { GspfError } from '../errors.ts';
import type { ClassWeights } from '../options/options.ts';

/**
 * The factor of each class in a loss; undefined where all are alike. `balanced` is scikit-learn's n / (classes · rows of
 * the class), so that every class weighs the same.
 *
 * @param classes What is to be learnt: the class of each row.
 * @throws `usage/option` for as many factors as there are not classes.
 */
export function classFactors(
  classWeights: ClassWeights,
  classes: Int32Array,
  labels: readonly string[],
): Float32Array | undefined {
  if (classWeights === 'none') return undefined;
  if (classWeights === 'balanced') {
    const counts = labels.map((_, label) => classes.reduce((sum, row) => sum + (row === label ? 1 : 0), 0));
    return Float32Array.from(counts, (count) => classes.length / (labels.length * Math.max(1, count)));
  }
  if (classWeights.length === labels.length) return Float32Array.from(classWeights);
  throw new GspfError('usage/option', {
    subject: 'classWeights',
    expected: `${labels.length} factors (for ${labels.join(', ')}), balanced or none`,
    got: `${classWeights.length}`,
  });
}
