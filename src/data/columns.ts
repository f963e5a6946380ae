import { GspfError, suggest } from '../errors.ts';
import { quoteNames, type Table } from './table.ts';

/** Columns that the user named; the others are guessed. */
export interface ColumnOptions {
  readonly textColumn?: string | undefined;
  readonly textPairColumn?: string | undefined;
  readonly labelColumn?: string | undefined;
}

/** Column numbers of the inputs, and a sentence that says what was guessed, if anything was. */
export interface TextColumns {
  readonly text: number;
  readonly textPair: number | undefined;
  readonly note: string | undefined;
}

/** Column numbers of inputs and label, and a sentence that says what was guessed, if anything was. */
export interface LabelledColumns extends TextColumns {
  readonly label: number;
}

/** Usual names in order of preference, in the form that {@link simplify} gives them. */
const usualPairs: readonly (readonly [string, string])[] = [
  ['sentence1', 'sentence2'],
  ['text1', 'text2'],
  ['texta', 'textb'],
  ['sentencea', 'sentenceb'],
  ['text', 'textpair'],
  ['premise', 'hypothesis'],
  ['question1', 'question2'],
  ['question', 'sentence'],
  ['query', 'passage'],
  ['query', 'document'],
  ['#1string', '#2string'],
];
const usualTexts: readonly string[] = [
  ...['text', 'sentence', 'content', 'body', 'message', 'review', 'reviewtext', 'comment', 'commenttext'],
  ...[
    'tweet',
    'utterance',
    'post',
    'email',
    'mail',
    'document',
    'passage',
    'query',
    'question',
    'description',
  ],
  ...['abstract', 'summary', 'headline', 'title', 'subject', 'input'],
];
/** Usual names of a column of classes. */
export const usualLabels: readonly string[] = [
  ...['label', 'labels', 'class', 'category', 'target', 'intent', 'sentiment', 'emotion', 'topic', 'tag'],
  ...['goldlabel', 'classname', 'labelname', 'labeltext', 'rating', 'stars', 'polarity', 'quality'],
  ...['isduplicate', 'output', 'y'],
];
/** Usual names of a column of numbers to predict. */
export const usualTargets: readonly string[] = [
  ...[
    'label',
    'labels',
    'target',
    'score',
    'similarity',
    'similarityscore',
    'relatedness',
    'relatednessscore',
  ],
  ...['value', 'rating', 'stars', 'grade', 'output', 'y'],
];
const rowNumbers: ReadonlySet<string> = new Set(['', 'id', 'idx', 'index', 'rowid', 'unnamed:0']);

/**
 * The text columns of a table: those named, else those with usual names, else the only column that is not the label.
 *
 * A second text is looked for only where no text column is named.
 *
 * @throws `usage/option` for a name that the table lacks, `input/data` when there is nothing to guess by.
 */
export function chooseTextColumns(table: Table, options: ColumnOptions): TextColumns {
  const columns = choose(table, options, guessLabel(table, options, usualLabels));
  return { ...columns, note: noteOf(table, options, columns) };
}

/**
 * The text and label columns of a table: those named, else those with usual names; of two columns of which one is
 * known, the other one has the other role.
 *
 * @param labels Usual names of the label column, in lower case without spaces, `_` and `-`, the most usual first.
 * @throws `usage/option` for a name that the table lacks or that has two roles, `input/data` when there is nothing
 * to guess by.
 */
export function chooseColumns(
  table: Table,
  options: ColumnOptions,
  labels: readonly string[] = usualLabels,
): LabelledColumns {
  const { labelColumn } = options;
  const known =
    labelColumn === undefined ? guessLabel(table, options, labels) : findColumn(table, labelColumn);
  const { text, textPair } = choose(table, options, known);
  const label = known ?? remaining(table, [text, textPair]);
  if (label === undefined) throw noGuess(table, 'label', labels, 'labelColumn (--label-column)');
  if (label === text || label === textPair) throw twoRoles(table, label);
  const columns = { text, textPair, label };
  return { ...columns, note: noteOf(table, options, columns) };
}

/**
 * The number of the column of this name, which counts letter for letter.
 *
 * @throws `usage/option`, listing the columns there are and the nearest name.
 */
export function findColumn(table: Table, name: string): number {
  const index = table.columns.indexOf(name);
  if (index !== -1) return index;
  const nested = table.nestedColumns.includes(name);
  throw new GspfError('usage/option', {
    subject: table.source,
    expected: `a column "${name}"`,
    got: nested ? 'objects or arrays in that column' : `columns ${quoteNames(table.columns)}`,
    hint: nested ? 'A column has to hold text, numbers or booleans.' : suggest(name, table.columns),
  });
}

/**
 * The columns of `table` that have the names chosen in the training table.
 *
 * @throws `input/data` for a name that is missing.
 */
export function matchingColumns(table: Table, train: Table, chosen: ColumnNumbers): ColumnNumbers {
  const { text, textPair, label } = chosen;
  const find = (column: number): number => {
    const wanted = train.columns[column] ?? '';
    const index = table.columns.indexOf(wanted);
    if (index !== -1) return index;
    throw new GspfError('input/data', {
      subject: table.source,
      expected: `a column "${wanted}", as in ${train.source}`,
      got: `columns ${quoteNames(table.columns)}`,
      hint: suggest(wanted, table.columns),
    });
  };
  return {
    text: find(text),
    textPair: textPair === undefined ? undefined : find(textPair),
    label: find(label),
  };
}

/** {@link LabelledColumns} without the sentence. */
export type ColumnNumbers = Pick<LabelledColumns, 'text' | 'textPair' | 'label'>;

/** A column with a usual label's name, unless it is named for another role. */
function guessLabel(
  table: Table,
  { textColumn, textPairColumn }: ColumnOptions,
  labels: readonly string[],
): number | undefined {
  const named = [textColumn, textPairColumn].filter((name) => name !== undefined);
  return findUsual(
    table,
    labels,
    named.map((name) => table.columns.indexOf(name)),
  );
}

interface TextChoice {
  readonly text: number;
  readonly textPair: number | undefined;
}

function choose(table: Table, options: ColumnOptions, label: number | undefined): TextChoice {
  const { textColumn, textPairColumn } = options;
  const textPair = textPairColumn === undefined ? undefined : findColumn(table, textPairColumn);
  const taken = [label, textPair].filter((index) => index !== undefined);
  if (textColumn !== undefined) {
    const text = findColumn(table, textColumn);
    if (taken.includes(text)) throw twoRoles(table, text);
    return { text, textPair };
  }
  if (textPair === undefined) {
    for (const [first, second] of usualPairs) {
      const text = findUsual(table, [first], taken);
      const pair = findUsual(table, [second], taken);
      if (text !== undefined && pair !== undefined) return { text, textPair: pair };
    }
  }
  const text =
    findUsual(table, usualTexts, taken) ?? (textPair === undefined ? remaining(table, taken) : undefined);
  if (text === undefined) throw noGuess(table, 'text', usualTexts, 'textColumn (--text-column)');
  return { text, textPair };
}

/** The column with the most usual of some names, in the form that {@link simplify} gives them, that is not taken. */
export function findUsual(
  table: Table,
  usual: readonly string[],
  taken: readonly number[],
): number | undefined {
  const names = table.columns.map(simplify);
  for (const name of usual) {
    const index = names.findIndex((candidate, column) => candidate === name && !taken.includes(column));
    if (index !== -1) return index;
  }
  return undefined;
}

/** `Sentence 1`, `sentence_1` and `sentence1` are one name. */
function simplify(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_-]/g, '');
}

/** The column that is left over when all others have a role; never one of row numbers. */
function remaining(table: Table, taken: readonly (number | undefined)[]): number | undefined {
  const left = table.columns.flatMap((name, index) => (taken.includes(index) ? [] : [{ name, index }]));
  const [only] = left;
  return left.length === 1 && only !== undefined && !isRowNumber(only.name) ? only.index : undefined;
}

/** Whether a column of that name counts rows. */
export function isRowNumber(name: string): boolean {
  return rowNumbers.has(simplify(name));
}

interface Roles extends TextChoice {
  readonly label?: number;
}

function noteOf(table: Table, options: ColumnOptions, { text, textPair, label }: Roles): string | undefined {
  const guesses = [
    { role: 'text', named: options.textColumn, index: text, flag: '--text-column' },
    { role: 'second text', named: options.textPairColumn, index: textPair, flag: '--text-pair-column' },
    { role: 'label', named: options.labelColumn, index: label, flag: '--label-column' },
  ].flatMap(({ role, named, index, flag }) => {
    return named !== undefined || index === undefined ? [] : [{ role, name: table.columns[index], flag }];
  });
  if (guesses.length === 0) return undefined;
  const found = guesses.map(({ role, name }) => `"${name}" as ${role}`).join(', ');
  const flags = guesses.map(({ flag }) => flag).join(', ');
  return `${table.source}: took column ${found}, guessed from the names of the columns (${flags} to choose).`;
}

/** The error for a table of which no column has a usual name for a role. */
export function noGuess(table: Table, role: string, usual: readonly string[], option: string): GspfError {
  const { columns, nestedColumns } = table;
  const hints = [
    `Name the column with ${option}.`,
    columns.length === 1 ? 'There is one column only: is it the right delimiter?' : '',
    nestedColumns.length > 0 ? `Left out, as they hold objects or arrays: ${quoteNames(nestedColumns)}.` : '',
  ];
  return new GspfError('input/data', {
    subject: table.source,
    expected: `a ${role} column with a usual name (${usual.slice(0, 5).join(', ')}, …)`,
    got:
      columns.length === 0
        ? 'no columns'
        : `${columns.length === 1 ? 'column' : 'columns'} ${quoteNames(columns)}`,
    hint: hints.filter((hint) => hint !== '').join(' '),
  });
}

function twoRoles(table: Table, index: number): GspfError {
  return new GspfError('usage/option', {
    subject: table.source,
    expected: 'a column of its own for each of text, second text and label',
    got: `"${table.columns[index]}" twice`,
  });
}
