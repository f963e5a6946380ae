// What measured pairs come to: ratios with their intervals, and whether bars hold.

import { median, medianInterval, pairedRatio } from '../dist/measure/paired-ratios.js';
import { peerName, rows } from './rows.mjs';

/** Pairs that a bar needs at least. */
export const PAIRS_FOR_BAR = 9;

/** Seeds whose scores a bar is of: the first. */
const SEEDS_FOR_BAR = 3;

const units = { steps: 'ms', products: 'ms', memory: 'MB', runs: 's', share: '' };

/**
 * One figure for each row that was measured, and those that are made of several rows.
 *
 * @param measured Rows of a store by name.
 */
export function figuresOf(measured) {
  const single = rows.flatMap((row) => (measured[row.id] ? figureOf(row, measured[row.id]) : []));
  return [
    ...single,
    ...fastestPeer(single),
    ...scores(measured['B.whole']),
    ...longerRuns(measured['B.whole-5']),
  ];
}

function figureOf(row, { pairs, reports, failed }) {
  const { id, says, bar, aim, kind, theirs } = row;
  const peer = theirs === undefined ? undefined : peerName(theirs);
  const about = { id, says, peer, unit: units[kind], ...(bar !== undefined && { bar, aim }) };
  if (failed !== undefined) return [{ ...about, failed, pairs: 0 }];
  if (pairs.length === 0) return [];
  const both = pairs.filter((pair) => pair.theirs !== undefined);
  const ratio = kind === 'share' ? medianInterval(pairs.map(({ ours }) => ours)) : pairedRatio(both);
  const outside = pairs.flatMap((pair) => pair.outside ?? []);
  const lessIdle = both.flatMap(({ ours, oursIdle, theirs, theirsIdle }) =>
    oursIdle === undefined ? [] : { ours: ours - oursIdle, theirs: theirs - theirsIdle },
  );
  return [
    judged({
      ...about,
      pairs: kind === 'share' ? pairs.length : both.length,
      ratio,
      ...(kind !== 'share' && { ours: median(pairs.map(({ ours }) => ours)) }),
      ...(both.length > 0 && { theirs: median(both.map(({ theirs }) => theirs)) }),
      ...(outside.length > 0 && { outside: median(outside) }),
      ...(lessIdle.length > 0 && { lessIdle: pairedRatio(lessIdle) }),
      ...(reports && { reports }),
    }),
  ];
}

/** A bar holds where the upper end of the interval is at most as high. */
function judged(figure) {
  const { bar, ratio, pairs } = figure;
  if (bar === undefined || ratio === undefined) return figure;
  if (pairs < PAIRS_FOR_BAR) return { ...figure, holds: 'too few pairs' };
  return { ...figure, holds: ratio.upper <= bar ? 'yes' : 'no' };
}

/** The fastest peer is the one that the cached step is least ahead of. */
function fastestPeer(figures) {
  const cached = figures.filter(
    ({ id, ratio }) => ratio !== undefined && (id === 'A.cached' || id.startsWith('A.peer.')),
  );
  if (cached.length < 2) return [];
  const fastest = cached.reduce((a, b) => (b.ratio.median > a.ratio.median ? b : a));
  const says = `with the prefix cached, beside the fastest of ${cached.length} peers`;
  const { ours, theirs, ratio, pairs, peer, unit } = fastest;
  return [judged({ id: 'A.fastest', says, peer, unit, bar: 0.5, aim: 0.33, pairs, ours, theirs, ratio })];
}

const withBothRuns = (pairs) => pairs.filter(({ oursRun, theirsRun }) => oursRun && theirsRun);

/**
 * How soon each side has the score. A run that never does takes forever: among the ratios it is infinitely large.
 *
 * @param more The bar and the aim, where there are any.
 */
function timeToScore(id, says, both, more = {}) {
  const times = both.map(({ oursRun, theirsRun }) => {
    const target = theirsRun.accuracy - 0.01;
    const [ours, theirs] = [oursRun, theirsRun].map(
      ({ evaluations }) =>
        evaluations.find(({ accuracy }) => accuracy >= target)?.seconds ?? Number.POSITIVE_INFINITY,
    );
    return { ours, theirs };
  });
  const missed = times.filter(({ ours }) => ours === Number.POSITIVE_INFINITY).length;
  return judged({
    id,
    says,
    peer: peerName({ method: 'full', precision: 'fp32' }),
    unit: 's',
    ...more,
    pairs: both.length,
    ratio: pairedRatio(times),
    ours: median(times.map(({ ours }) => ours)),
    theirs: median(times.map(({ theirs }) => theirs)),
    ...(missed > 0 && { failed: `not reached in ${missed} of ${both.length} runs` }),
  });
}

/** What runs of more epochs than PyTorch's are for; the bar is of runs that have as many. */
function longerRuns({ pairs = [] } = {}) {
  const both = withBothRuns(pairs);
  if (both.length === 0) return [];
  return [
    timeToScore(
      'B.time-to-score-5',
      "time to full fine-tuning's final score less one point, by runs of 5 epochs",
      both,
    ),
    ...seen('B.whole-5', both),
  ];
}

/** Optimiser steps and examples of each side. */
function seen(prefix, both) {
  return ['steps', 'examples'].map((what) => ({
    id: `${prefix}.${what}`,
    says: `${what === 'steps' ? 'optimiser steps' : 'examples'} seen`,
    peer: peerName({ method: 'full', precision: 'fp32' }),
    unit: '',
    pairs: both.length,
    ours: median(both.map(({ oursRun }) => oursRun[what])),
    theirs: median(both.map(({ theirsRun }) => theirsRun[what])),
  }));
}

/** What whole runs say beside their time: how soon a score is reached, and which score in the end. */
function scores({ pairs = [] } = {}) {
  const both = withBothRuns(pairs);
  if (both.length === 0) return [];
  const says = "time to full fine-tuning's final score less one point";
  const time = timeToScore('B.time-to-score', says, both, { bar: 0.5, aim: 0.3 });
  const bySeed = [...new Map(both.map((pair) => [pair.seed, pair])).values()];
  const differences = bySeed.map(({ oursRun, theirsRun }) => 100 * (oursRun.accuracy - theirsRun.accuracy));
  const score = (id, some) => ({
    id,
    says: `accuracy, mean difference over ${some.length} seeds`,
    peer: time.peer,
    unit: 'points',
    pairs: some.length,
    difference: some.reduce((a, b) => a + b, 0) / some.length,
  });
  const barred = score('B.score', differences.slice(0, SEEDS_FOR_BAR));
  const isEnough = differences.length >= SEEDS_FOR_BAR;
  return [
    time,
    {
      ...barred,
      bar: -1,
      aim: 0,
      holds: isEnough ? (barred.difference >= -1 ? 'yes' : 'no') : 'too few seeds',
    },
    ...(differences.length > SEEDS_FOR_BAR ? [score('B.score-all', differences)] : []),
    ...seen('B', both),
  ];
}
