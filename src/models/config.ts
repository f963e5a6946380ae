import { z } from 'zod';
import { faultInWords } from '../data/schema-fault.ts';
import { GspfError } from '../errors.ts';
import { type Activation, activations } from './layers.ts';

/** A number of things, of which there is one at least. */
export const count: z.ZodInt = z.int().positive();

export const positive: z.ZodNumber = z.number().positive();

export const probability: z.ZodNumber = z.number().min(0).max(1);

export const activation: z.ZodEnum<{ [A in Activation]: A }> = z.enum(activations);

/**
 * What a schema reads of a `config.json`.
 *
 * @throws `input/model` that names the key.
 */
export function parseConfig<S extends z.ZodType>(schema: S, config: unknown, source: string): z.infer<S> {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  throw new GspfError('input/model', {
    subject: source,
    expected: 'a config.json of a model that gspf builds',
    got: faultInWords(result.error, config),
    cause: result.error,
  });
}
