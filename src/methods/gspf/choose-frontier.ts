import { type Shape, sizeOf } from '../../tensor.ts';
import type { Indices, Selection } from '../selection.ts';
import type { Depths } from './frontier.ts';
import type { EligibleTensor, Selected } from './select.ts';

/** Where the backward pass of a selection ends, and what that costs and saves. */
export interface FrontierReport {
  /**
   * The lowest layer that weights could be selected in, from 0, and ½ more where that is its second half alone; null where
   * nothing was left out.
   */
  readonly layer: number | null;
  /** Layers of the model. */
  readonly layers: number;
  /** The selection's score mass over that of the selection without a frontier. */
  readonly massKept: number;
  /** Share of a training step's floating-point operations that it saves, by the table of operations. */
  readonly saving: number;
}

/** The operations that a frontier is weighed by: a fixed table, so that no clock enters the choice. */
export interface StepOperations {
  /** Of the forward pass by depth. */
  readonly forward: ReadonlyMap<number, number>;
  /** Rows of activations that the table is for. */
  readonly tokens: number;
  /** Share of the steps that compute what lies below the frontier; the others find it in the prefix cache. */
  readonly prefixShare: number;
}

export interface FrontierField {
  /** The tensors to choose from, in tensor order. */
  readonly tensors: readonly EligibleTensor[];
  /** Names of those that are trained whole whatever the scores. */
  readonly whole: ReadonlySet<string>;
  readonly depths: Depths;
  readonly operations: StepOperations;
  /** Least share of the unrestricted choice's score mass to keep (`select.frontierMass`). */
  readonly leastMass: number;
  /** The choice from some of the tensors. */
  readonly selectFrom: (tensors: readonly EligibleTensor[]) => Selected;
}

/** A choice with the frontier it was made above. */
export interface FrontierChoice {
  readonly selected: Selected;
  readonly frontier: FrontierReport;
}

/** The depth of what lies before the first layer: a frontier there leaves nothing out. */
const BOTTOM = -1;

/**
 * The frontier with the most score mass for each operation of a training step, among those that keep
 * `leastMass` of the mass of the choice without one. Of equals, the highest.
 */
export function chooseFrontier(field: FrontierField): FrontierChoice {
  const { tensors, whole, depths, operations, leastMass, selectFrom } = field;
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const costOf = (depth: number, { selection }: Selected): number =>
    stepOperations(depth, operations) + sparseOperations(selection, shapes, operations.tokens);
  const unrestricted = selectFrom(tensors);
  const mostCost = costOf(BOTTOM, unrestricted);
  const highest = Math.min(
    depths.layers,
    ...tensors.filter(({ name }) => whole.has(name)).map(({ name }) => depths.of(name)),
  );
  let best = { selected: unrestricted, depth: BOTTOM, cost: mostCost };
  const worth = ({ selected, cost }: { selected: Selected; cost: number }): number => selected.mass / cost;
  const places = new Set(tensors.map(({ name }) => depths.of(name)));
  for (const depth of [...places].sort((a, b) => b - a)) {
    if (depth > highest || depth === BOTTOM) continue;
    // Less mass than the unrestricted choice's is all that this and the deeper ones can have.
    if (unrestricted.mass / stepOperations(depth, operations) < worth(best)) break;
    const above = tensors.filter(({ name }) => depths.of(name) >= depth);
    const selected = selectFrom(above);
    const found = { selected, depth, cost: costOf(depth, selected) };
    if (selected.mass >= leastMass * unrestricted.mass && worth(found) > worth(best)) best = found;
  }
  return {
    selected: best.selected,
    frontier: {
      layer: best.depth === BOTTOM ? null : best.depth,
      layers: depths.layers,
      massKept: unrestricted.mass === 0 ? 1 : best.selected.mass / unrestricted.mass,
      saving: 1 - best.cost / mostCost,
    },
  };
}

/**
 * Forward pass and input gradients of a step: F for what lies below the frontier, or its share where that is cached,
 * 2·F for what lies above.
 */
function stepOperations(depth: number, { forward, prefixShare }: StepOperations): number {
  let operations = 0;
  for (const [place, F] of forward) operations += place < depth ? prefixShare * F : 2 * F;
  return operations;
}

/** Weight gradients of a step: of each tensor the product of the rows and columns that hold a selected weight. */
function sparseOperations(selection: Selection, shapes: ReadonlyMap<string, Shape>, tokens: number): number {
  let operations = 0;
  for (const [name, indices] of selection)
    operations += 2 * tokens * touched(indices, shapes.get(name) ?? []);
  return operations;
}

/** Elements of the smallest block of rows × columns that holds all indices. */
function touched(indices: Indices, shape: Shape): number {
  if (indices === 'all') return sizeOf(shape);
  const columns = sizeOf(shape.slice(1));
  const [rows, across] = [new Uint8Array(shape[0] ?? 1), new Uint8Array(columns)];
  let [height, width] = [0, 0];
  for (const index of indices) {
    const [row, column] = [Math.floor(index / columns), index % columns];
    height += 1 - (rows[row] ?? 1);
    width += 1 - (across[column] ?? 1);
    rows[row] = 1;
    across[column] = 1;
  }
  return height * width;
}
