import { GspfError, suggest } from '../../errors.ts';
import { type Shape, sizeOf } from '../../tensor.ts';
import { type Indices, toIndices } from '../selection.ts';
import { scopeUnits } from './scopes.ts';
import type { LeftTensor, ScoredTensor, ScoreTable } from './score-table.ts';
import { createScores, type Scorer, scoreKinds } from './scores.ts';
import { type CutTensor, cutTensors, rankingOf, type Selected, select, type UnitReport } from './select.ts';
import type { Measure, Moments, Statistics } from './statistics.ts';

/** Why one weight was selected or not. */
export interface WeightExplanation {
  readonly tensor: string;
  /** One number for each axis of the tensor, from 0. */
  readonly position: readonly number[];
  readonly selected: boolean;
  /** What decided, in a sentence. */
  readonly reason: string;
  /** What the score kind measures, and its mean over the batches; S for the kind `gspf`. Null for a kind without. */
  readonly measure: Measure | null;
  readonly S: number | null;
  /** (S − μ)/σ; null unless the kind is `gspf`. */
  readonly z: number | null;
  /** μ and σ. */
  readonly moments: Moments | null;
  readonly theta: number;
  /** S̃; of the weight's group under a granularity other than `element`. Null where nothing was scored. */
  readonly score: number | null;
  /** 1 for the best of its unit; null where the weight does not compete. */
  readonly rank: number | null;
  /** What it competes with: so many weights or groups, for so many weights of budget. */
  readonly unit: (UnitReport & { readonly candidates: number }) | null;
}

/** How a tensor fared. */
export interface TensorExplanation {
  readonly tensor: string;
  readonly shape: Shape;
  readonly weights: number;
  readonly selected: number;
  /** What decided over the tensor as a whole, in a sentence. */
  readonly reason: string;
  /** Its best weights, those with the highest scores first; of each group one. */
  readonly best: readonly WeightExplanation[];
  /** Mean and largest S, mean |θ|, largest S̃; null where nothing was measured. */
  readonly meanS: number | null;
  readonly largestS: number | null;
  readonly meanMagnitude: number | null;
  readonly largestScore: number | null;
}

/** Answers why a weight or tensor was selected or not. */
export class Explainer {
  readonly #table: ScoreTable;
  readonly #scorer: Scorer;
  readonly #normalization: ReturnType<typeof createScores>['normalization'];
  readonly #selected: Selected;
  readonly #cut: ReadonlyMap<string, CutTensor>;
  readonly #ranking: Scorer;

  /** Makes the selection of the table again: no time to speak of beside what measured it. */
  constructor(table: ScoreTable) {
    this.#table = table;
    const theta = new Map([...table.tensors].map(([name, { theta }]) => [name, theta]));
    const { scorer, normalization } = createScores(table.score, {
      statistics: statisticsOf(table),
      current: theta,
      pretrained: theta,
      sizes: new Map([...table.tensors, ...table.left].map(([name, { shape }]) => [name, sizeOf(shape)])),
      seed: table.seed,
      round: 0,
    });
    const above = [...table.tensors].filter(([name]) => !table.below.has(name));
    const tensors = above.map(([name, { shape }]) => ({ name, shape }));
    const competing = tensors.filter(({ name }) => !this.#isWhole(name));
    const cut = cutTensors(competing, table.select.granularity);
    this.#scorer = scorer;
    this.#normalization = normalization;
    this.#selected = select(tensors, table.head, scorer, table.select, table.eligibleWeights);
    this.#cut = new Map(cut.map((tensor) => [tensor.name, tensor]));
    this.#ranking = rankingOf(cut, scorer, table.select.granularity);
  }

  /** Names of all weight tensors. */
  get names(): readonly string[] {
    return [...this.#table.tensors.keys(), ...this.#table.left.keys()];
  }

  /** The selection that the table leads to, and how it came about. */
  get selected(): Selected {
    return this.#selected;
  }

  /**
   * Why one weight was selected or not.
   *
   * @param position A number for each axis of the tensor, or a single flat index.
   * @throws `usage/option` for a tensor or position that the model has not.
   */
  weight(name: string, position: readonly number[]): WeightExplanation {
    const [scored, left] = this.#find(name);
    const { shape } = scored ?? left;
    const flat = flatIndex(name, shape, position);
    const at = { tensor: name, position: positionOf(flat, shape) };
    if (scored === undefined) {
      return {
        ...unmeasured,
        ...at,
        selected: false,
        reason: `Not eligible: ${left.reason}.`,
        theta: Number.NaN,
      };
    }
    const { measure } = scoreKinds[this.#table.score.kind];
    const moments = this.#momentsOf(name);
    const S = scored.sum === null ? null : (scored.sum[flat] ?? 0) / scored.batches;
    const measured = {
      measure,
      S,
      z:
        moments === null || S === null
          ? null
          : moments.deviation === 0
            ? 0
            : (S - moments.mean) / moments.deviation,
      moments,
      theta: scored.theta[flat] ?? 0,
    };
    if (this.#table.below.has(name)) {
      const score = scoreAt(this.#scorer, name, flat);
      return { ...unmeasured, ...at, selected: false, reason: `Not selected: ${BELOW}.`, ...measured, score };
    }
    const competitor = this.#cut.get(name);
    if (competitor === undefined) {
      const reason = 'Selected: it belongs to the head, which is trained whole (select.head: always).';
      const score = scoreAt(this.#scorer, name, flat);
      return { ...unmeasured, ...at, selected: true, reason, ...measured, score };
    }
    const group = groupOf(competitor, flat);
    const score = scoreAt(this.#ranking, name, group);
    const unit = this.#unitOf(name);
    const rank = this.#rank(unit.members, name, group, score);
    const candidates = unit.members.reduce((sum, { candidates: { count } }) => sum + count, 0);
    const selected = isIn(this.#selected.selection.get(name), flat);
    const what = this.#table.select.granularity === 'element' ? 'weight' : 'group';
    const reason = reasonOf({ selected, score, rank, candidates, unit: unit.report, what });
    return { ...at, selected, reason, ...measured, score, rank, unit: { ...unit.report, candidates } };
  }

  /**
   * How a tensor fared, with its best weights.
   *
   * @param best How many of them.
   * @throws `usage/option` for a tensor that the model has not.
   */
  tensor(name: string, best = 5): TensorExplanation {
    const [scored, left] = this.#find(name);
    const { shape } = scored ?? left;
    const weights = sizeOf(shape);
    if (scored === undefined) {
      const reason = `Not eligible: ${left.reason}.`;
      return { ...nothingMeasured, tensor: name, shape, weights, selected: 0, reason, best: [] };
    }
    const selected = toIndices(this.#selected.selection.get(name), weights).length;
    const competitor = this.#cut.get(name);
    const scores = new Float64Array(competitor?.candidates.count ?? weights);
    (competitor === undefined ? this.#scorer : this.#ranking)(name, 0, scores);
    const order = highest(scores, best).map((candidate) =>
      competitor === undefined ? candidate : firstOf(competitor, candidate),
    );
    const { sum, batches, theta } = scored;
    return {
      tensor: name,
      shape,
      weights,
      selected,
      reason: this.#reasonOfTensor(name, selected, weights),
      best: order.map((flat) => this.weight(name, positionOf(flat, shape))),
      meanS: sum === null ? null : mean(sum) / batches,
      largestS: sum === null ? null : largest(sum) / batches,
      meanMagnitude: mean(theta.map(Math.abs)),
      largestScore: largest(scores),
    };
  }

  #isWhole(name: string): boolean {
    return this.#table.select.head === 'always' && this.#table.head.includes(name);
  }

  #find(name: string): [ScoredTensor, undefined] | [undefined, LeftTensor] {
    const scored = this.#table.tensors.get(name);
    if (scored !== undefined) return [scored, undefined];
    const left = this.#table.left.get(name);
    if (left !== undefined) return [undefined, left];
    throw new GspfError('usage/option', {
      subject: 'tensor',
      expected: 'the name of a weight tensor of the model',
      got: `"${name}"`,
      hint: suggest(name, this.names),
    });
  }

  #momentsOf(name: string): Moments | null {
    const report = this.#normalization;
    if (report === null) return null;
    return isMoments(report) ? report : (report[name] ?? null);
  }

  /** What a tensor competes in. */
  #unitOf(name: string): { readonly report: UnitReport; readonly members: readonly CutTensor[] } {
    const { units } = this.#selected;
    for (const [unit, members] of scopeUnits([...this.#cut.values()], this.#table.select.scope)) {
      if (!members.some((member) => member.name === name)) continue;
      const report = units.find((candidate) => candidate.name === unit) ?? units[0];
      if (report !== undefined) return { report, members };
    }
    throw new RangeError(`no unit of ${name}`);
  }

  /** 1 + the number of candidates of the unit that come first: by score, then in tensor order. */
  #rank(members: readonly CutTensor[], name: string, candidate: number, score: number): number {
    const buffer = new Float64Array(1 << 16);
    let before = 0;
    let isPast = false;
    for (const { name: other, candidates } of members) {
      for (let start = 0; start < candidates.count; start += buffer.length) {
        const scores = buffer.subarray(0, Math.min(buffer.length, candidates.count - start));
        this.#ranking(other, start, scores);
        for (let i = 0; i < scores.length; i++) {
          if (other === name && start + i === candidate) isPast = true;
          const value = scores[i] ?? 0;
          if (value > score || (value === score && !isPast)) before++;
        }
      }
    }
    return before + 1;
  }

  #reasonOfTensor(name: string, selected: number, weights: number): string {
    if (this.#table.below.has(name)) return `None of its weights can be selected: ${BELOW}.`;
    if (!this.#cut.has(name)) return 'It belongs to the head, which is trained whole (select.head: always).';
    if (selected === weights) return 'All of its weights are selected.';
    const { threshold } = this.#unitOf(name).report;
    const limit = threshold === null ? 'nothing is selected there' : `the threshold is ${digits(threshold)}`;
    return selected === 0
      ? `None of its weights has a high enough score: ${limit}.`
      : `${count(selected)} of its ${count(weights)} weights have a high enough score: ${limit}.`;
  }
}

/** Why nothing is selected in a tensor that was scored. */
const BELOW = 'it lies below the frontier that select.frontier: auto chose';

const unmeasured = { measure: null, S: null, z: null, moments: null, score: null, rank: null, unit: null };
const nothingMeasured = { meanS: null, largestS: null, meanMagnitude: null, largestScore: null };

function statisticsOf({ score, tensors }: ScoreTable): Statistics | null {
  const { measure } = scoreKinds[score.kind];
  if (measure === null) return null;
  const sums = [...tensors].flatMap(([name, { sum, batches }]) =>
    sum === null ? [] : [[name, { sum, batches }] as const],
  );
  return { measure, tensors: new Map(sums) };
}

function isMoments(report: Moments | Readonly<Record<string, Moments>>): report is Moments {
  return typeof report['mean'] === 'number';
}

function flatIndex(name: string, shape: Shape, position: readonly number[]): number {
  const extents = position.length === 1 ? [sizeOf(shape)] : shape;
  const fits =
    position.length === extents.length &&
    position.every((index, axis) => Number.isInteger(index) && index >= 0 && index < (extents[axis] ?? 0));
  if (!fits) {
    throw new GspfError('usage/option', {
      subject: `position in ${name}`,
      expected: `${shape.length} numbers below [${shape}], or one below ${sizeOf(shape)}`,
      got: `[${position}]`,
    });
  }
  return position.reduce((flat, index, axis) => flat * (extents[axis] ?? 1) + index, 0);
}

function positionOf(flat: number, shape: Shape): number[] {
  let rest = flat;
  return shape
    .toReversed()
    .map((extent) => {
      const index = rest % extent;
      rest = Math.floor(rest / extent);
      return index;
    })
    .toReversed();
}

function scoreAt(scorer: Scorer, tensor: string, candidate: number): number {
  const out = new Float64Array(1);
  scorer(tensor, candidate, out);
  return out[0] ?? 0;
}

/** The group that a weight belongs to; groups are numbered row by row. */
function groupOf({ grid }: CutTensor, flat: number): number {
  const row = Math.floor(flat / grid.columns);
  const column = flat % grid.columns;
  return Math.floor(row / grid.height) * grid.across + Math.floor(column / grid.width);
}

/** The first weight of a group. */
function firstOf({ grid }: CutTensor, group: number): number {
  const row = Math.floor(group / grid.across) * grid.height;
  return row * grid.columns + (group % grid.across) * grid.width;
}

function isIn(indices: Indices | undefined, flat: number): boolean {
  return indices === 'all' || indices?.includes(flat) === true;
}

/** The positions of the highest scores, best first, ties in order. */
function highest(scores: Float64Array, number: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] ?? 0;
    if (best.length === number && score <= (scores[best.at(-1) ?? 0] ?? 0)) continue;
    const place = best.findIndex((other) => score > (scores[other] ?? 0));
    best.splice(place === -1 ? best.length : place, 0, i);
    if (best.length > number) best.pop();
  }
  return best;
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}

function largest(values: Float32Array | Float64Array): number {
  let most = -Infinity;
  for (const value of values) if (value > most) most = value;
  return most;
}

interface Outcome {
  readonly selected: boolean;
  readonly score: number;
  readonly rank: number;
  readonly candidates: number;
  readonly unit: UnitReport;
  readonly what: 'weight' | 'group';
}

function reasonOf({ selected, score, rank, candidates, unit, what }: Outcome): string {
  const place = `${what} ${count(rank)} of ${count(candidates)}${unit.name === 'all' ? '' : ` in ${unit.name}`}`;
  if (selected) return `Selected: ${place} by its score.`;
  if (unit.threshold === null) return `Not selected: the budget there is ${count(unit.budget)} weights.`;
  return score < unit.threshold
    ? `Not selected: ${place}; its score ${digits(score)} is below the threshold ${digits(unit.threshold)}.`
    : `Not selected: ${place}; the budget of ${count(unit.budget)} weights ended before it.`;
}

/** `22,710,912`. */
function count(value: number): string {
  return value.toLocaleString('en');
}

function digits(value: number): string {
  return `${Number(value.toPrecision(4))}`;
}
