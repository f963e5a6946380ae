import type { z } from 'zod';

/**
 * What a schema found instead, in words: `no "question"`, `a number in "answers[0]"`, or what it says of a value of the
 * right type.
 *
 * @param value What was given to the schema.
 */
export function faultInWords(error: z.ZodError | undefined, value: unknown): string {
  const [issue] = error?.issues ?? [];
  if (issue === undefined) return 'something else';
  const { code, message, path } = issue;
  const at = path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
  const found = valueAt(value, path);
  if (found === undefined) return `no "${at}"`;
  const isOfAnotherType = code === 'invalid_type' || code === 'invalid_union';
  const what = isOfAnotherType ? typeInWords(found) : message;
  return at === '' ? what : `${what} in "${at}"`;
}

/** What is at a path of objects and lists; undefined where it leads nowhere. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null
        ? Object.entries(inner).find(([name]) => name === String(key))?.[1]
        : undefined,
    value,
  );
}

function typeInWords(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? 'a text' : `a ${typeof value}`;
}
