import type { TextExample } from '../../src/tasks/task.ts';

/** Examples of these classes, whatever their texts. */
export function labelled(...classes: readonly number[]): TextExample[] {
  return classes.map((label, row) => ({ text: `text ${row}`, label }));
}
