import { GspfError, nearestName } from '../errors.ts';
import { optionSections } from './catalogue.ts';

/** What is wrong with one option, in the parts of an error message. */
export interface Fault {
  /** Empty for the tree as a whole. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
  /** Empty for none. */
  readonly hint: string;
}

/**
 * Refuses a path that names neither an option nor a section.
 *
 * @throws `usage/option` with the nearest path.
 */
export function checkPath(path: readonly string[]): void {
  const name = path.join('.');
  if (knownPaths().includes(name)) return;
  const { expected, got, hint } = unknownOption(path);
  throw new GspfError('usage/option', { subject: name, expected, got, hint });
}

/** What is wrong about a name that the schema does not know. */
export function unknownOption(path: readonly string[]): Fault {
  const name = path.at(-1) ?? '';
  return {
    path: path.join('.'),
    expected: 'the name of an option',
    got: JSON.stringify(name),
    hint: suggestion(path.slice(0, -1).join('.'), name),
  };
}

/** Names of the options and sections directly in a section, or at the top for the empty path. */
export function namesIn(section: string): readonly string[] {
  return knownPaths()
    .filter((path) => parentOf(path) === section)
    .map(leafOf);
}

function suggestion(parent: string, name: string): string {
  const meant = pathsMeant(parent, name);
  if (meant.length > 0) return `Did you mean ${meant.map((path) => `"${path}"`).join(' or ')}?`;
  const siblings = knownPaths().filter((path) => parentOf(path) === parent);
  return siblings.length === 0 ? '' : `Known: ${siblings.join(', ')}.`;
}

/** The same name elsewhere in the tree, else the most similar one in this section, else anywhere. */
function pathsMeant(parent: string, name: string): readonly string[] {
  const paths = knownPaths();
  const same = paths.filter((path) => leafOf(path) === name);
  if (same.length > 0) {
    const section = nearestName(parent, same.map(parentOf));
    return parent === '' || section === undefined ? same : [join(section, name)];
  }
  // Two edits turn a name of two letters into any other.
  if (name.length <= 2) return [];
  const sibling = nearestName(name, namesIn(parent));
  if (sibling !== undefined) return [join(parent, sibling)];
  const similar = nearestName(name, paths.map(leafOf));
  return paths.filter((path) => leafOf(path) === similar);
}

/** Paths of all options and sections. */
function knownPaths(): readonly string[] {
  return optionSections()
    .flatMap(({ path, options }) => [path, ...options.map((option) => option.path)])
    .filter((path) => path !== '');
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.')));
}

function leafOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

function join(parent: string, name: string): string {
  return parent === '' ? name : `${parent}.${name}`;
}
