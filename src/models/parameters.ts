import type { Shape } from '../tensor.ts';

/** How PyTorch's model class fills a parameter that a checkpoint lacks. */
export type Initialization = 'normal' | 'zeros' | 'ones';

/** A trainable tensor of an architecture: float32, under its Hugging Face name and in its layout. */
export interface Parameter {
  readonly name: string;
  readonly shape: Shape;
  readonly initialization: Initialization;
  /** Of 'normal', where it is not the model's `initializer_range`. */
  readonly deviation?: number;
}

/** The same parameters, those that are drawn from N(0, deviation²). */
export function withDeviation(parameters: readonly Parameter[], deviation: number | undefined): Parameter[] {
  return parameters.map((parameter) =>
    deviation === undefined || parameter.initialization !== 'normal'
      ? parameter
      : { ...parameter, deviation },
  );
}

/** `prefix.weight` `[out, in]` and `prefix.bias` `[out]`, as torch.nn.Linear has them. */
export function linearParameters(prefix: string, inFeatures: number, outFeatures: number): Parameter[] {
  return [
    { name: `${prefix}.weight`, shape: [outFeatures, inFeatures], initialization: 'normal' },
    { name: `${prefix}.bias`, shape: [outFeatures], initialization: 'zeros' },
  ];
}

/** `prefix.weight` `[rows, size]`, as torch.nn.Embedding has it. */
export function embeddingParameters(prefix: string, rows: number, size: number): Parameter[] {
  return [{ name: `${prefix}.weight`, shape: [rows, size], initialization: 'normal' }];
}

/** Gain and shift `[size]`, as torch.nn.LayerNorm has them. */
export function layerNormParameters(prefix: string, size: number): Parameter[] {
  return [
    { name: `${prefix}.weight`, shape: [size], initialization: 'ones' },
    { name: `${prefix}.bias`, shape: [size], initialization: 'zeros' },
  ];
}
