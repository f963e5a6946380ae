import type { Spec } from './spec.ts';
import { controlFlowSpecs } from './specs/control-flow.ts';
import { fusedSpecs } from './specs/fused.ts';
import { fusedQuantizationSpecs } from './specs/quantization.ts';

/** Nodes that others take the place of before anything is differentiated. */
export const rewrittenSpecs: readonly Spec[] = [
  ...controlFlowSpecs,
  ...fusedSpecs,
  ...fusedQuantizationSpecs,
];
