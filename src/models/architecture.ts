import { z } from 'zod';
import { GspfError, suggest } from '../errors.ts';
import { parseConfig } from './config.ts';
import { albertEncoder } from './encoders/albert.ts';
import { bertEncoder } from './encoders/bert.ts';
import { debertaEncoder } from './encoders/deberta.ts';
import { distilbertEncoder } from './encoders/distilbert.ts';
import { esmEncoder } from './encoders/esm.ts';
import { modernbertEncoder } from './encoders/modernbert.ts';
import { mpnetEncoder } from './encoders/mpnet.ts';
import type { TextEncoder } from './text-encoder.ts';

/** The encoders that gspf builds, by `model_type`. */
const architectures: Readonly<Record<string, (config: unknown, source: string) => TextEncoder>> = {
  bert: (config, source) => bertEncoder('bert', config, source),
  roberta: (config, source) => bertEncoder('roberta', config, source),
  'xlm-roberta': (config, source) => bertEncoder('xlm-roberta', config, source),
  distilbert: distilbertEncoder,
  electra: (config, source) => bertEncoder('electra', config, source),
  mpnet: mpnetEncoder,
  albert: albertEncoder,
  esm: esmEncoder,
  'deberta-v2': debertaEncoder,
  modernbert: modernbertEncoder,
};

/**
 * The encoder that a `config.json` describes.
 *
 * @throws `input/model` for a model type that gspf does not build, or a config that lacks a key.
 */
export function textEncoder(config: unknown, source: string): TextEncoder {
  const { model_type: modelType } = parseConfig(z.looseObject({ model_type: z.string() }), config, source);
  const build = Object.hasOwn(architectures, modelType) ? architectures[modelType] : undefined;
  if (build !== undefined) return build(config, source);
  throw new GspfError('input/model', {
    subject: source,
    expected: `a model_type among ${Object.keys(architectures).join(', ')}`,
    got: `"${modelType}"`,
    hint: suggest(modelType, Object.keys(architectures)),
  });
}
