import { parse, YAMLParseError } from 'yaml';
import { GspfError } from '../errors.ts';
import { checkPath } from './names.ts';
import { parseOptions } from './parse.ts';
import { givenOptionsSchema } from './schema.ts';
import { isTree, mergeOptions, type OptionTree } from './tree.ts';

/**
 * The tree with one option set, as `--set path=value` does; the value is read as YAML, so that numbers, `null`,
 * `true` and `[a, b]` mean what they look like.
 *
 * @throws `usage/option` for a text of another form or an unknown path.
 */
export function assignOption(tree: OptionTree, assignment: string): OptionTree {
  const equals = assignment.indexOf('=');
  const name = assignment.slice(0, Math.max(0, equals)).trim();
  const text = assignment.slice(equals + 1);
  if (name === '' || text.trim() === '') {
    throw new GspfError('usage/option', {
      subject: 'set',
      expected: 'path=value, as in select.ratio=0.3%',
      got: JSON.stringify(assignment),
    });
  }
  const path = name.split('.');
  checkPath(path);
  const assigned = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), readYaml(text, name));
  return isTree(assigned) ? mergeOptions(tree, assigned) : tree;
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
