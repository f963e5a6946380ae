import type { z } from 'zod';
import { GspfError } from '../errors.ts';
import { optionSections } from './catalogue.ts';
import { type Fault, namesIn, unknownOption } from './names.ts';
import { valueAt } from './tree.ts';

/**
 * The output of an options schema for a tree of unknown content.
 *
 * @throws `usage/option` for the first thing that is wrong, by its path (after `source: ` where one is given);
 * the hint names what else is.
 */
export function parseOptions<T>(schema: z.ZodType<T>, tree: unknown, source?: string): T {
  const result = schema.safeParse(tree);
  if (result.success) return result.data;
  const faults = result.error.issues.flatMap((issue) => faultsOf(issue, tree));
  const [first, ...others] = faults;
  if (first === undefined) throw result.error;
  const also = [...new Set(others.map(({ path }) => path))].filter((path) => path !== first.path);
  const hints = [first.hint, also.length === 0 ? '' : `Also wrong: ${also.join(', ')}.`];
  throw new GspfError('usage/option', {
    subject: [source, first.path].filter((part) => part !== undefined && part !== '').join(': ') || 'options',
    expected: first.expected,
    got: first.got,
    hint: hints.filter((hint) => hint !== '').join(' '),
  });
}

function faultsOf(issue: z.core.$ZodIssue, tree: unknown): readonly Fault[] {
  const parent = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownOption([...parent, key]));
  const sections = optionSections();
  const section = sections.find(({ path }) => path === parent.join('.'));
  if (section !== undefined) {
    const names = namesIn(section.path);
    const got = wordsFor(valueAt(tree, parent));
    return [{ path: section.path, expected: `a mapping with ${names.join(', ')}`, got, hint: '' }];
  }
  // An issue inside a list is one of the option that holds the list.
  const option = sections
    .flatMap(({ options }) => options)
    .find(({ path }) => `${parent.join('.')}.`.startsWith(`${path}.`));
  if (option === undefined) throw new TypeError(`no option at ${parent.join('.')}`);
  const given = valueAt(tree, option.path.split('.'));
  const value = given === undefined ? option.default : given;
  const contradiction = issue.code === 'custom' ? issue.params?.['expected'] : undefined;
  const expected = typeof contradiction === 'string' ? contradiction : option.expected;
  return [{ path: option.path, expected, got: wordsFor(value), hint: percentHint(option.path, value) }];
}

function percentHint(path: string, value: unknown): string {
  const percentage = path === 'select.ratio' && typeof value === 'number' && value > 1 && value <= 100;
  return percentage ? `Write ${value}% for ${value} in a hundred.` : '';
}

function wordsFor(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'string':
      return JSON.stringify(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? `[${value.map(wordsFor).join(', ')}]` : 'a mapping';
    case 'function':
      return 'a function';
    default:
      return String(value);
  }
}
