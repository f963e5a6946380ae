import type { TextExample } from './task.ts';

/**
 * Rows that have a text in common, directly or through others: the connected components of rows and texts, each
 * ascending, in the order of their first rows.
 */
export function groupsBySharedText(examples: readonly TextExample[]): readonly (readonly number[])[] {
  const parents = Array.from(examples.keys());
  const rootOf = (row: number): number => {
    let root = row;
    for (let parent = parents[root]; parent !== undefined && parent !== root; parent = parents[root])
      root = parent;
    parents[row] = root;
    return root;
  };
  const firstRows = new Map<string, number>();
  for (const [row, { text, textPair }] of examples.entries()) {
    for (const shared of textPair === undefined ? [text] : [text, textPair]) {
      const first = firstRows.get(shared);
      if (first === undefined) {
        firstRows.set(shared, row);
        continue;
      }
      const [a, b] = [rootOf(first), rootOf(row)];
      parents[Math.max(a, b)] = Math.min(a, b);
    }
  }
  const groups = new Map<number, number[]>();
  for (const row of examples.keys()) {
    const root = rootOf(row);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [row]);
    else group.push(row);
  }
  return [...groups.values()];
}
