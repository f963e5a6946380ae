import { type SparseCosts, typicalCosts } from './sparse-costs.ts';

/** How long something took, and how many units of each cost it is made of. */
export interface CostTiming {
  readonly units: Partial<SparseCosts>;
  readonly nanoseconds: number;
}

/** Passes over all costs; each is solved for while the others stand still. */
const SWEEPS = 200;
/** More digits than these would be noise. */
const DIGITS = 3;

/**
 * The costs by which timings are explained best: least squares of their relative errors, no cost below zero.
 *
 * Σᵢ (Σₖ uᵢₖ·cₖ / nsᵢ − 1)² → min over c ≥ 0, by coordinate descent. The sum is convex; costs that no timing tells of
 * are the typical ones.
 */
export function fitCosts(timings: readonly CostTiming[]): SparseCosts {
  const names = Object.keys(typicalCosts).filter(isCost);
  const told = names.filter((name) => timings.some(({ units }) => (units[name] ?? 0) > 0));
  const costs: Record<keyof SparseCosts, number> = { ...typicalCosts };
  for (const name of told) costs[name] = 0;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const name of told) {
      let [above, below] = [0, 0];
      for (const { units, nanoseconds } of timings) {
        const share = (units[name] ?? 0) / nanoseconds;
        const others = told.reduce(
          (sum, other) => sum + (other === name ? 0 : ((units[other] ?? 0) / nanoseconds) * costs[other]),
          0,
        );
        above += share * (1 - others);
        below += share * share;
      }
      costs[name] = Math.max(0, above / below);
    }
  }
  for (const name of told) costs[name] = Number(costs[name].toPrecision(DIGITS));
  return costs;
}

function isCost(name: string): name is keyof SparseCosts {
  return Object.hasOwn(typicalCosts, name);
}
