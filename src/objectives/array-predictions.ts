import type { LossName } from '../options/loss-names.ts';
import { type Shape, sizeOf } from '../tensor.ts';
import { classificationOf } from './classification.ts';
import { argmax, softmax } from './losses.ts';

/** Numbers, or lists of lists of them, as deep as a tensor has axes. */
type Nested = number | string | readonly Nested[];

/**
 * What the output of one example says, by the loss that it was trained with: the label and the probability of each, a
 * label for each token or pixel, probabilities, values, or a vector.
 *
 * @param loss Undefined for a model that does not tell, whose outputs are told as they are.
 * @param labels Label names by class number; undefined for classes that are numbers.
 */
export function arrayPrediction(
  loss: LossName | undefined,
  shape: Shape,
  labels: readonly string[] | undefined,
  output: Float32Array,
): Readonly<Record<string, unknown>> {
  const nameOf = (label: number): string | number => labels?.[label] ?? label;
  switch (loss) {
    case 'cross-entropy': {
      const names = Array.from(output, (_, label) => `${nameOf(label)}`);
      return { ...classificationOf(output, names) };
    }
    case 'token-cross-entropy': {
      const classes = shape.at(-1) ?? 1;
      const at = (place: number): Float32Array => output.subarray(place * classes, (place + 1) * classes);
      const places = Array.from({ length: output.length / classes }, (_, place) => nameOf(argmax(at(place))));
      return { labels: nested(places, shape.slice(0, -1)) };
    }
    case 'pixel-cross-entropy': {
      const [classes = 1, ...pixels] = shape;
      const count = sizeOf(pixels);
      const at = (place: number): Float32Array =>
        Float32Array.from({ length: classes }, (_, label) => output[label * count + place] ?? 0);
      const places = Array.from({ length: count }, (_, place) => nameOf(argmax(at(place))));
      return { labels: nested(places, pixels) };
    }
    case 'binary-cross-entropy': {
      const probabilities = Array.from(output, (x) => softmax(Float32Array.of(0, x))[1] ?? 0);
      const [only = 0] = probabilities;
      if (labels?.length === 2 && output.length === 1) {
        return { label: labels[only > 0.5 ? 1 : 0], score: Math.max(only, 1 - only) };
      }
      return { probabilities: nested(probabilities, shape) };
    }
    case 'cosine':
    case 'contrastive':
      return { vector: nested([...output], shape) };
    default:
      return output.length === 1 ? { value: output[0] } : { values: nested([...output], shape) };
  }
}

/** A list as lists of lists. */
function nested(values: readonly (number | string)[], shape: Shape): Nested {
  const [extent, ...rest] = shape;
  if (extent === undefined) return values[0] ?? [];
  if (rest.length === 0) return values;
  const size = values.length / extent;
  return Array.from({ length: extent }, (_, i) => nested(values.slice(i * size, (i + 1) * size), rest));
}
