/** Any part of the tree of options, before its names and values are checked. */
export type OptionTree = { readonly [name: string]: unknown };

/** Whether a value is a section rather than an option's value. */
export function isTree(value: unknown): value is OptionTree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a tree holds at a path; undefined where it does not reach that far. */
export function valueAt(tree: unknown, path: readonly string[]): unknown {
  let value = tree;
  for (const name of path) {
    if (!isTree(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

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
  // Unlike assignment, this makes a key "__proto__" an ordinary one, which the schema then refuses.
  return Object.fromEntries(merged);
}
