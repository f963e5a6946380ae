import type { SelectOptions } from '../../options/options.ts';
import type { FrontierReport } from './choose-frontier.ts';
import { placeOf } from './frontier.ts';
import type { Selected } from './select.ts';
import type { Statistics } from './statistics.ts';

/** How many tensors a sentence names. */
const SHOWN = 3;

/** Sentences on what a user would not expect of a selection. */
export function remarksOn(
  { head, k, bodyBudget, selected }: Pick<Selected, 'head' | 'k' | 'bodyBudget' | 'selected'>,
  { headInBudget }: Pick<SelectOptions, 'headInBudget'>,
  statistics: Statistics | null,
): readonly string[] {
  const remarks: string[] = [];
  if (head > k && headInBudget) {
    remarks.push(
      `The head has ${head} weights, more than the budget of ${k}: it is trained whole, and no other weight is. Raise select.ratio, or set select.headInBudget=false.`,
    );
  } else if (head > 0 && selected === head) {
    remarks.push(
      `Nothing but the head is selected (${head} weights): the budget of ${k} leaves room for ${bodyBudget} others. Raise select.ratio, or set select.headInBudget=false.`,
    );
  }
  const flat = [...(statistics?.tensors ?? [])].flatMap(([name, { sum }]) =>
    sum.every((value) => value === 0) ? [name] : [],
  );
  if (flat.length > 0) {
    const others = flat.length > SHOWN ? ` and ${flat.length - SHOWN} more tensors` : '';
    remarks.push(
      `No gradient reached ${flat.slice(0, SHOWN).join(', ')}${others}: all their sensitivities are zero. Name them in select.exclude if that is as it should be.`,
    );
  }
  return remarks;
}

/** Tells a frontier that was chosen. */
export function frontierNote({ layer, layers, massKept, saving }: FrontierReport): string {
  if (layer === null) return 'Frontier auto: none. No layer can be left out for what it would save.';
  const from =
    layer >= layers
      ? 'only what follows the last layer is selected from'
      : `${placeOf(layer, layers)} is the lowest to select in`;
  return `Frontier auto: ${from}. ${percent(massKept)} of the score mass is kept, and a step takes ${percent(saving)} fewer operations.`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
