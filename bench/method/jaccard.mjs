// How alike two selections are.

import { countAll, difference, union } from '../../dist/methods/selection.js';

/** The Jaccard index of two results of `selectWeights`, a head that is always trained left out. */
export function jaccard(a, b, head = /^classifier\./) {
  const sizes = new Map(Object.entries(a.report.sizes));
  const body = ({ selection }) => new Map([...selection].filter(([name]) => !head.test(name)));
  const [own, other] = [body(a), body(b)];
  const all = countAll(union(own, other, sizes), sizes);
  const apart =
    countAll(difference(own, other, sizes), sizes) + countAll(difference(other, own, sizes), sizes);
  return (all - apart) / all;
}
