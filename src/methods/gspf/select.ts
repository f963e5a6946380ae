import { GspfError } from '../../errors.ts';
import type { Granularity, SelectOptions } from '../../options/options.ts';
import type { Shape } from '../../tensor.ts';
import { sizeOf } from '../../tensor.ts';
import type { Indices, Selection } from '../selection.ts';
import { count } from '../selection.ts';
import type { Grid } from './groups.ts';
import { gridOf, groupMeans, groupSize, weightsOfGroups } from './groups.ts';
import { readScores } from './mix.ts';
import { apportion, scopeUnits } from './scopes.ts';
import type { Scorer } from './scores.ts';
import { type Shortlist, shortlist } from './shortlist.ts';
import type { Candidates } from './take.ts';
import { takeBest } from './take.ts';

/** The options that decide which of the eligible weights are trained. */
export type BudgetOptions = Pick<SelectOptions, 'ratio' | 'head' | 'headInBudget' | 'scope' | 'granularity'>;

/** A tensor that may be trained. */
export interface EligibleTensor {
  readonly name: string;
  readonly shape: Shape;
}

/** What was asked of and done in one unit of the scope. */
export interface UnitReport {
  readonly name: string;
  readonly budget: number;
  readonly taken: number;
  /** The lowest score taken; null if none was. */
  readonly threshold: number | null;
  /** The highest score not taken; null if none is left. */
  readonly next: number | null;
}

/** A selection and how it came about; all but `selection` is JSON. */
export interface Selected {
  readonly selection: Selection;
  /** P: all weights of the eligible tensors, head included, whether above the frontier or not. */
  readonly eligible: number;
  /** max(1, ⌊ratio · P⌋). */
  readonly k: number;
  /** H: weights of the head, where it is always trained; 0 where it competes. */
  readonly head: number;
  /** Weights that the tensors beside such a head may take. */
  readonly bodyBudget: number;
  /** Weights selected in all: more than k if the head alone is larger. */
  readonly selected: number;
  /** Score mass: Σ of the scores of the selected weights beside such a head, those below 0 left out. */
  readonly mass: number;
  readonly units: readonly UnitReport[];
  /** Selected weights by tensor, in tensor order; a tensor without any is absent. */
  readonly perTensor: Readonly<Record<string, number>>;
}

/**
 * Selects the highest scores within the budget.
 *
 * Elements meet the budget of their unit exactly; groups never exceed it, unless nothing at all were selected.
 *
 * @param tensors The tensors to choose from, in tensor order.
 * @param head Names of the newly initialised tensors.
 * @param eligible P, where the ratio refers to more weights than those to choose from.
 * @param listed What {@link listFor} found in these and perhaps other tensors.
 * @throws `training/diverged` naming the tensor with a score that is not a number, `usage/option` when nothing
 * is eligible or the granularity is none.
 */
export function select(
  tensors: readonly EligibleTensor[],
  head: readonly string[],
  scorer: Scorer,
  options: BudgetOptions,
  eligible: number = totalSize(tensors),
  listed?: Shortlist | null,
): Selected {
  const { ratio, headInBudget, scope, granularity } = options;
  if (eligible === 0) {
    throw new GspfError('usage/option', { subject: 'select', expected: 'eligible weights', got: 'none' });
  }
  const k = budgetOf(ratio, eligible);
  const whole = new Set(options.head === 'always' ? head : []);
  const headSize = totalSize(tensors.filter(({ name }) => whole.has(name)));
  const body = cutTensors(
    tensors.filter(({ name }) => !whole.has(name)),
    granularity,
  );
  const bodyBudget = Math.min(headInBudget ? Math.max(0, k - headSize) : k, totalSize(body));

  const ranking = rankingOf(body, scorer, granularity);
  let chosen = chooseInUnits(body, ranking, scope, bodyBudget, listed);
  if (headSize === 0 && chosen.units.every(({ taken }) => taken === 0)) {
    chosen = chooseOne(body, ranking, bodyBudget);
  }

  const selection = new Map<string, Indices>();
  for (const { name, shape } of tensors) {
    const indices = whole.has(name) ? 'all' : (chosen.indices.get(name) ?? new Int32Array(0));
    const number = count(indices, sizeOf(shape));
    if (number > 0) selection.set(name, number === sizeOf(shape) ? 'all' : indices);
  }
  const perTensor = tensors
    .map(({ name, shape }) => [name, count(selection.get(name), sizeOf(shape))] as const)
    .filter(([, number]) => number > 0);
  return {
    selection,
    eligible,
    k,
    head: headSize,
    bodyBudget,
    selected: perTensor.reduce((sum, [, number]) => sum + number, 0),
    mass: chosen.mass,
    units: chosen.units,
    perTensor: Object.fromEntries(perTensor),
  };
}

/** The number of weights to select in all: max(1, ⌊ratio · P⌋). */
export function budgetOf(ratio: number, eligible: number): number {
  return Math.max(1, Math.floor(ratio * eligible));
}

/**
 * A shortlist that serves every selection from the first one or more of the tensors; undefined where their budgets
 * are not one for all weights, null where it would be too long.
 *
 * @param tensors Those that compete, the last ones first to be left out.
 */
export function listFor(
  tensors: readonly EligibleTensor[],
  scorer: Scorer,
  { ratio, scope, granularity }: BudgetOptions,
  eligible: number,
): Shortlist | null | undefined {
  if (scope !== 'global' || granularity !== 'element') return undefined;
  const candidates = cutTensors(tensors, granularity).map((tensor) => tensor.candidates);
  return shortlist(candidates, scorer, budgetOf(ratio, eligible) + 1);
}

/** A tensor and its groups, which are single elements under the granularity `element`. */
export interface CutTensor extends EligibleTensor {
  readonly grid: Grid;
  readonly candidates: Candidates;
}

/** The tensors with what of them is taken or left whole. @throws `usage/option` for a granularity that is none. */
export function cutTensors(tensors: readonly EligibleTensor[], granularity: Granularity): CutTensor[] {
  return tensors.map((tensor) => cut(tensor, granularity));
}

function cut(tensor: EligibleTensor, granularity: Granularity): CutTensor {
  const grid = gridOf(tensor.shape, granularity);
  const single = grid.height === 1 && grid.width === 1;
  const candidates = {
    tensor: tensor.name,
    count: sizeOf(tensor.shape) === 0 ? 0 : grid.down * grid.across,
    size: single ? 1 : (group: number) => groupSize(grid, group),
  };
  return { ...tensor, grid, candidates };
}

/**
 * The scores by which the parts of tensors are ranked: the start index counts parts.
 *
 * Group scores are few and read in several rounds: they are made once.
 */
export function rankingOf(body: readonly CutTensor[], scorer: Scorer, granularity: Granularity): Scorer {
  if (granularity === 'element') return scorer;
  return readScores(new Map(body.map(({ name, grid }) => [name, groupMeans(name, grid, scorer)])));
}

interface Chosen {
  readonly indices: ReadonlyMap<string, Int32Array>;
  readonly mass: number;
  readonly units: readonly UnitReport[];
}

/** The best of each unit of the scope, within its share of the budget. */
function chooseInUnits(
  body: readonly CutTensor[],
  ranking: Scorer,
  scope: SelectOptions['scope'],
  budget: number,
  listed?: Shortlist | null,
): Chosen {
  const units = [...scopeUnits(body, scope)].map(([name, members]) => ({ name, members }));
  const shares = apportion(
    budget,
    units.map(({ members }) => totalSize(members)),
  );
  const indices = new Map<string, Int32Array>();
  let mass = 0;
  const reports = units.map(({ name, members }, number): UnitReport => {
    const share = shares[number] ?? 0;
    const { taken, size, threshold, next, ...found } = takeBest(
      members.map(({ candidates }) => candidates),
      ranking,
      share,
      listed,
    );
    mass += found.mass;
    for (const [tensor, weights] of indicesOf(members, taken)) indices.set(tensor, weights);
    return { name, budget: share, taken: size, threshold, next };
  });
  return { indices, mass, units: reports };
}

/** The best group of all, although it is larger than the budget. */
function chooseOne(body: readonly CutTensor[], ranking: Scorer, budget: number): Chosen {
  const ofSizeOne = body.map(({ candidates }) => ({ ...candidates, size: 1 }));
  const { taken, mass, threshold, next } = takeBest(ofSizeOne, ranking, 1);
  const indices = indicesOf(body, taken);
  const size = [...indices.values()].reduce((sum, { length }) => sum + length, 0);
  return { indices, mass: mass * size, units: [{ name: 'all', budget, taken: size, threshold, next }] };
}

function indicesOf(
  tensors: readonly CutTensor[],
  taken: readonly Int32Array[],
): ReadonlyMap<string, Int32Array> {
  return new Map(
    tensors.map(({ name, grid }, i) => [name, weightsOfGroups(grid, taken[i] ?? new Int32Array(0))]),
  );
}

function totalSize(tensors: readonly EligibleTensor[]): number {
  return tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}
