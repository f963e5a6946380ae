import type { z } from 'zod';
import { GspfError, nearestName } from '../errors.ts';
import { optionSections } from './paths.ts';

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

interface Fault {
  readonly path: string;
  readonly expected: string;
  readonly got: string;
  readonly hint: string;
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
  const value = valueAt(tree, option.path.split('.')) ?? option.default;
  const contradiction = issue.code === 'custom' ? issue.params?.['expected'] : undefined;
  const expected = typeof contradiction === 'string' ? contradiction : option.expected;
  return [{ path: option.path, expected, got: wordsFor(value), hint: percentHint(option.path, value) }];
}

function percentHint(path: string, value: unknown): string {
  const percentage = path === 'select.ratio' && typeof value === 'number' && value > 1 && value <= 100;
  return percentage ? `Write ${value}% for ${value} in a hundred.` : '';
}

/**
 * Refuses a path that names neither an option nor a section.
 *
 * @throws `usage/option` with the nearest path.
 */
export function checkPath(path: readonly string[]): void {
  const name = path.join('.');
  const known = optionSections().some(
    (section) => section.path === name || section.options.some((option) => option.path === name),
  );
  if (known && name !== '') return;
  const { expected, got, hint } = unknownOption(path);
  throw new GspfError('usage/option', { subject: name, expected, got, hint });
}

function unknownOption(path: readonly string[]): Fault {
  return {
    path: path.join('.'),
    expected: 'the name of an option',
    got: `"${path.at(-1) ?? ''}"`,
    hint: nearest(path),
  };
}

/** The same name elsewhere in the tree, else the most similar one in this section, else anywhere. */
function nearest(path: readonly string[]): string {
  const parent = path.slice(0, -1).join('.');
  const name = path.at(-1) ?? '';
  const siblings = namesIn(parent);
  const all = optionSections().flatMap(({ options }) => options.map((option) => option.path));
  const withLeaf = (leaf: string | undefined): readonly string[] =>
    leaf === undefined ? [] : all.filter((candidate) => leafOf(candidate) === leaf);

  const similarSibling = nearestName(name, siblings);
  const similarPath = nearestName(path.join('.'), all);
  const meant = [
    withLeaf(name),
    similarSibling === undefined ? [] : [join(parent, similarSibling)],
    withLeaf(nearestName(name, all.map(leafOf))),
    similarPath === undefined ? [] : [similarPath],
  ].find((candidates) => candidates.length > 0);
  if (meant !== undefined) return `Did you mean ${meant.map((candidate) => `"${candidate}"`).join(' or ')}?`;
  return siblings.length === 0 ? '' : `Known: ${siblings.join(', ')}.`;
}

/** Names of the options and sections directly in a section, or at the top for the empty path. */
function namesIn(section: string): readonly string[] {
  const prefix = section === '' ? '' : `${section}.`;
  const below = optionSections()
    .flatMap(({ path, options }) => [path, ...options.map((option) => option.path)])
    .filter((path) => path !== '' && path.startsWith(prefix))
    .map((path) => path.slice(prefix.length));
  return [...new Set(below.filter((path) => path !== '' && !path.includes('.')))];
}

function leafOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

function join(parent: string, name: string): string {
  return parent === '' ? name : `${parent}.${name}`;
}

/** What a tree holds at a path; undefined where it does not reach that far. */
export function valueAt(tree: unknown, path: readonly string[]): unknown {
  let value = tree;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Object.getOwnPropertyDescriptor(value, name)?.value;
  }
  return value;
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
