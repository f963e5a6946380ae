import type { Spec } from './spec.ts';
import { activationSpecs } from './specs/activations.ts';
import { convolutionSpecs } from './specs/convolution.ts';
import { elementwiseSpecs } from './specs/elementwise.ts';
import { gridSamplingSpecs } from './specs/grid-sampling.ts';
import { indexingSpecs } from './specs/indexing.ts';
import { linearAlgebraSpecs } from './specs/linear-algebra.ts';
import { normalizationSpecs } from './specs/normalization.ts';
import { poolingSpecs } from './specs/pooling.ts';
import { quantizationSpecs } from './specs/quantization.ts';
import { rearrangementSpecs } from './specs/rearrangement.ts';
import { recurrentSpecs } from './specs/recurrent.ts';
import { reductionSpecs } from './specs/reductions.ts';
import { resizingSpecs } from './specs/resizing.ts';
import { selectionSpecs } from './specs/selection.ts';
import { shapeSpecs } from './specs/shape.ts';

/** Every operator of the table in every way that its rules tell apart. */
export const specs: readonly Spec[] = [
  ...convolutionSpecs,
  ...elementwiseSpecs,
  ...gridSamplingSpecs,
  ...indexingSpecs,
  ...linearAlgebraSpecs,
  ...poolingSpecs,
  ...recurrentSpecs,
  ...reductionSpecs,
  ...selectionSpecs,
  ...activationSpecs,
  ...normalizationSpecs,
  ...quantizationSpecs,
  ...rearrangementSpecs,
  ...resizingSpecs,
  ...shapeSpecs,
];
