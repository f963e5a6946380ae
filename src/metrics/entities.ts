import { GspfError } from '../errors.ts';

/** A run of words that is one entity. */
export interface Entity {
  /** What its labels say after their prefix; `_` where they say nothing. */
  readonly type: string;
  /** Numbers of its first and last word. */
  readonly first: number;
  readonly last: number;
}

/** How well the entities of one type, or of all, were found. */
export interface EntityScores {
  /** Fractions, 0 … 1; 0 where they are undefined. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Entities that are there. */
  readonly support: number;
}

/** The label of a word that is in no entity. */
export const OUTSIDE = 'O';

/**
 * The entities of a sentence from the labels of its words: IOB1, IOB2, IOE1, IOE2, IOBES, or a mixture.
 *
 * An entity begins at a word with B- or S-, after E-, S- or O, and where the type changes, so that I-PER after O begins
 * one. A label without prefix is read as if it had I-.
 *
 * Source: conlleval of the shared task of CoNLL-2000, and `get_entities` of seqeval, which agrees with it.
 */
export function entitiesOf(labels: readonly string[]): Entity[] {
  const entities: { type: string; first: number; last: number }[] = [];
  let previous: Tag | undefined;
  for (const [word, label] of labels.entries()) {
    const tag = tagOf(label);
    const open = entities.at(-1);
    if (tag !== undefined) {
      if (open === undefined || isBoundary(previous, tag)) {
        entities.push({ type: tag.type, first: word, last: word });
      } else {
        open.last = word;
      }
    }
    previous = tag;
  }
  return entities;
}

/**
 * Precision, recall and F1 of entities: one is found when its type and both of its ends are right.
 *
 * `micro` counts all entities alike, as the default of seqeval and conlleval do; `byType` is in order of the types'
 * names and has those that occur in either list.
 *
 * @param predicted Labels of the words of each sentence.
 * @throws `input/data` for lists that are empty or of different shapes.
 */
export function entityScores(
  predicted: readonly (readonly string[])[],
  expected: readonly (readonly string[])[],
): { readonly micro: EntityScores; readonly byType: ReadonlyMap<string, EntityScores> } {
  requireSameShape(predicted, expected);
  const counts = new Map<string, Counts>();
  const countsOf = (type: string): Counts => {
    const known = counts.get(type) ?? { hits: 0, predicted: 0, support: 0 };
    counts.set(type, known);
    return known;
  };
  for (const [sentence, labels] of expected.entries()) {
    const gold = entitiesOf(labels);
    const keys = new Set(gold.map(keyOf));
    for (const { type } of gold) countsOf(type).support++;
    for (const entity of entitiesOf(predicted[sentence] ?? [])) {
      const count = countsOf(entity.type);
      count.predicted++;
      if (keys.has(keyOf(entity))) count.hits++;
    }
  }
  const total: Counts = { hits: 0, predicted: 0, support: 0 };
  for (const count of counts.values()) {
    total.hits += count.hits;
    total.predicted += count.predicted;
    total.support += count.support;
  }
  const types = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return { micro: scoresOf(total), byType: new Map(types.map(([type, count]) => [type, scoresOf(count)])) };
}

interface Tag {
  readonly prefix: string;
  readonly type: string;
}

interface Counts {
  hits: number;
  predicted: number;
  support: number;
}

/** Undefined for a word outside of entities. */
function tagOf(label: string): Tag | undefined {
  if (label === OUTSIDE) return undefined;
  const match = /^([BIES])(?:-(.*))?$/s.exec(label);
  return match === null ? { prefix: 'I', type: label } : { prefix: match[1] ?? 'I', type: match[2] || '_' };
}

function isBoundary(previous: Tag | undefined, { prefix, type }: Tag): boolean {
  return (
    previous === undefined ||
    previous.type !== type ||
    previous.prefix === 'E' ||
    previous.prefix === 'S' ||
    prefix === 'B' ||
    prefix === 'S'
  );
}

function keyOf({ type, first, last }: Entity): string {
  return `${first} ${last} ${type}`;
}

function scoresOf({ hits, predicted, support }: Counts): EntityScores {
  const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return {
    precision: ratio(hits, predicted),
    recall: ratio(hits, support),
    f1: ratio(2 * hits, predicted + support),
    support,
  };
}

function requireSameShape(
  predicted: readonly (readonly string[])[],
  expected: readonly (readonly string[])[],
): void {
  if (predicted.length !== expected.length || expected.length === 0) {
    throw new GspfError('input/data', {
      subject: 'metric',
      expected: 'as many predictions as sentences, at least one',
      got: `${predicted.length} predictions and ${expected.length} sentences`,
    });
  }
  for (const [sentence, labels] of expected.entries()) {
    const given = predicted[sentence]?.length ?? 0;
    if (given === labels.length) continue;
    throw new GspfError('input/data', {
      subject: `metric, sentence ${sentence}`,
      expected: `${labels.length} labels, one for each word`,
      got: `${given}`,
    });
  }
}
