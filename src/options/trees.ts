import { parse, YAMLParseError } from 'yaml';
import { GspfError } from '../errors.ts';
import { checkPath, parseOptions } from './parse.ts';
import { givenOptionsSchema } from './schema.ts';

/** Any part of the tree of options, before its names and values are checked. */
export type OptionTree = { readonly [name: string]: unknown };

/** One tree of several: a later value wins, sections are merged, lists are replaced, undefined gives way. */
export function mergeOptions(...trees: readonly OptionTree[]): OptionTree {
  return trees.reduce(mergeTwo, {});
}

function mergeTwo(earlier: OptionTree, later: OptionTree): OptionTree {
  const merged = new Map(Object.entries(earlier));
  for (const [name, value] of Object.entries(later)) {
    if (value === undefined) continue;
    const before = merged.get(name);
    merged.set(name, isTree(value) ? mergeTwo(isTree(before) ? before : {}, value) : value);
  }
  return Object.fromEntries(merged);
}

function isTree(value: unknown): value is OptionTree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The tree with one option set, as `--set path=value` does; the value is read as YAML, so that numbers, `null`,
 * `true` and `[a, b]` mean what they look like.
 *
 * @throws `usage/option` for a text of another form or an unknown path.
 */
export function assignOption(tree: OptionTree, assignment: string): OptionTree {
  const [, name, text] = /^\s*([^=]*?)\s*=([^]*)$/.exec(assignment) ?? [];
  if (name === undefined || name === '' || text === undefined || text.trim() === '') {
    throw new GspfError('usage/option', {
      subject: 'set',
      expected: 'path=value, as in select.ratio=0.3%',
      got: JSON.stringify(assignment),
    });
  }
  const path = name.split('.');
  checkPath(path);
  const value = readYaml(text, name);
  return mergeOptions(
    tree,
    path.reduceRight<OptionTree>((inner, key, depth) => {
      return { [key]: depth === path.length - 1 ? value : inner };
    }, {}),
  );
}

/**
 * The options in a YAML file, names and values checked; `source` names the file in messages.
 *
 * @throws `usage/option` for text that is no YAML mapping, unknown names and wrong values.
 */
export function parseOptionsYaml(text: string, source: string): OptionTree {
  const tree = readYaml(text, source) ?? {};
  if (!isTree(tree)) {
    throw new GspfError('usage/option', {
      subject: source,
      expected: 'a mapping of options, such as "epochs: 3"',
      got: Array.isArray(tree) ? 'a list' : JSON.stringify(tree),
    });
  }
  parseOptions(givenOptionsSchema, tree, source);
  return tree;
}

function readYaml(text: string, subject: string): unknown {
  try {
    return parse(text, { prettyErrors: false, logLevel: 'error' });
  } catch (cause) {
    // Besides its own errors, yaml throws a ReferenceError for an alias without anchor.
    if (!(cause instanceof YAMLParseError || cause instanceof ReferenceError)) throw cause;
    throw new GspfError('usage/option', {
      subject,
      expected: 'YAML',
      got: cause.message,
      hint: text.includes('*') ? "Put a glob that begins with * in quotes, as in ['*.bias']." : '',
      cause,
    });
  }
}
