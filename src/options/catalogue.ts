import { z } from 'zod';
import { trainOptionsSchema } from './schema.ts';

/** An option that takes a value, as help and docs list it. */
export interface OptionPath {
  /** Its place in the tree, as in `select.ratio`. */
  readonly path: string;
  /** The values it takes, in words that follow "expected". */
  readonly expected: string;
  /** Undefined for `lr`, which the preset supplies. */
  readonly default: unknown;
  /** What it does, in a sentence. */
  readonly description: string;
}

/** A group of options: the top of the tree, whose path is empty, or a section. */
export interface OptionSection {
  readonly path: string;
  readonly description: string;
  /** In the order of the schema. */
  readonly options: readonly OptionPath[];
}

/** Every option that takes a value, in the order of the schema. */
export function optionPaths(): readonly OptionPath[] {
  return optionSections().flatMap(({ options }) => options);
}

/** The options by section, those at the top first. */
export function optionSections(): readonly OptionSection[] {
  return sectionsOf(trainOptionsSchema, '');
}

function sectionsOf(schema: z.core.$ZodType, path: string): readonly OptionSection[] {
  const { inner, description } = unwrap(schema);
  if (!(inner instanceof z.ZodObject)) throw new TypeError(`${path} is no section`);
  const options: OptionPath[] = [];
  const nested: OptionSection[] = [];
  for (const [name, field] of Object.entries<z.core.$ZodType>(inner.shape)) {
    const fieldPath = path === '' ? name : `${path}.${name}`;
    const unwrapped = unwrap(field);
    if (unwrapped.inner instanceof z.ZodObject) nested.push(...sectionsOf(field, fieldPath));
    else options.push({ path: fieldPath, ...leafOf(unwrapped) });
  }
  return [{ path, description, options }, ...nested];
}

interface Unwrapped {
  /** The schema below its defaults. */
  readonly inner: z.core.$ZodType;
  readonly default: unknown;
  readonly description: string;
}

function unwrap(schema: z.core.$ZodType): Unwrapped {
  const description = z.globalRegistry.get(schema)?.description ?? '';
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return { inner: schema.def.innerType, default: schema.def.defaultValue, description };
  }
  return { inner: schema, default: undefined, description };
}

function leafOf({ inner, ...rest }: Unwrapped): Omit<OptionPath, 'path'> {
  if (inner instanceof z.ZodEnum) return { ...rest, expected: choice(inner.options) };
  const expected = z.globalRegistry.get(inner)?.['expected'];
  return { ...rest, expected: typeof expected === 'string' ? expected : 'a value' };
}

/** `a, b or c`. */
function choice(values: readonly (string | number)[]): string {
  const last = values.at(-1);
  return values.length < 2 ? `${last}` : `${values.slice(0, -1).join(', ')} or ${last}`;
}
