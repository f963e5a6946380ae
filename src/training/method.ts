import type { Selection } from '../methods/selection.ts';
import type { SelectionReport } from './run-report.ts';

/** What a method leaves when its training is done. */
export interface MethodResult {
  /** The weights in training at the end. */
  readonly selection: Selection;
  /** The weights that may differ from θ⁰. */
  readonly changed: Selection;
  /** The weights that were in training at any time. */
  readonly everSelected: Selection;
  /** How the selections came about, the first one and the refinements; empty where nothing is selected. */
  readonly selections: readonly SelectionReport[];
}
