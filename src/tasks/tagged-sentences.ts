import { z } from 'zod';
import { jsonlRecords, jsonRecords } from '../data/jsonl.ts';
import { faultInWords } from '../data/schema-fault.ts';
import { emptyFile } from '../data/table.ts';
import { GspfError } from '../errors.ts';

/** A sentence as a file has it. */
export interface TaggedSentence {
  readonly tokens: readonly string[];
  /** One for each token: all names, or all class numbers. */
  readonly tags: readonly string[] | readonly number[];
  /** Where a token is in the file, for messages: `train.conll:12`. */
  placeOf(token: number): string;
}

/**
 * The sentences of a file: JSON Lines or a JSON array by the ending of its name, else CoNLL's columns.
 *
 * In JSON a sentence is an object with `tokens` and one of `labels`, `tags` and `ner_tags`, names or class numbers. In
 * CoNLL's a token is a line with its label in the last column, columns are separated by tabs or else by spaces, and a
 * blank line ends a sentence; lines of -DOCSTART- are left out, and so are those that begin with `# ` and have other
 * columns than the rest.
 *
 * @throws `input/data` for a file of another form, naming the line.
 */
export function readTaggedSentences(text: string, source: string): TaggedSentence[] {
  if (/\.(jsonl|ndjson)$/i.test(source)) return jsonlRecords(text, source).map(jsonSentence(source));
  if (/\.json$/i.test(source)) return jsonRecords(text, source).map(jsonSentence(source));
  return readConll(text, source);
}

interface Row {
  readonly cells: readonly string[];
  readonly line: number;
}

function readConll(text: string, source: string): TaggedSentence[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const isRow = (line: string): boolean => line.trim() !== '' && !/^-DOCSTART-(\s|$)/.test(line);
  const rows = lines.filter(isRow);
  const typical = rows.find((line) => !line.startsWith('# ')) ?? rows[0];
  if (typical === undefined) throw emptyFile(source, 'a token a line with its label in the last column');
  const split = typical.includes('\t')
    ? (line: string) => line.split('\t').map((cell) => cell.trim())
    : (line: string) => line.trim().split(/ +/);
  const columns = split(typical).length;
  const sentences: TaggedSentence[] = [];
  let open: Row[] = [];
  const close = (): void => {
    if (open.length > 0) sentences.push(conllSentence(open, source));
    open = [];
  };
  for (const [index, line] of lines.entries()) {
    if (!isRow(line)) {
      close();
      continue;
    }
    const cells = split(line);
    if (line.startsWith('# ') && cells.length !== columns) continue;
    checkRow(cells, columns, `${source}:${index + 1}`);
    open.push({ cells, line: index + 1 });
  }
  close();
  return sentences;
}

function checkRow(cells: readonly string[], columns: number, place: string): void {
  if (columns < 2) {
    throw new GspfError('input/data', {
      subject: place,
      expected: 'a token and its label, separated by a tab or a space',
      got: `"${cells.join(' ')}"`,
    });
  }
  if (cells.length !== columns) {
    throw new GspfError('input/data', {
      subject: place,
      expected: `${columns} columns, as in the first row`,
      got: `${cells.length}`,
      hint: 'Columns are separated by tabs if the first row has one, else by spaces.',
    });
  }
  for (const [name, cell] of [
    ['token', cells[0]],
    ['label', cells.at(-1)],
  ] as const) {
    if (cell === '')
      throw new GspfError('input/data', { subject: place, expected: `a ${name}`, got: 'an empty column' });
  }
}

function conllSentence(rows: readonly Row[], source: string): TaggedSentence {
  return {
    tokens: rows.map(({ cells }) => cells[0] ?? ''),
    tags: rows.map(({ cells }) => cells.at(-1) ?? ''),
    placeOf: (token) => `${source}:${rows[token]?.line ?? 0}`,
  };
}

const tagsSchema = z.union([z.array(z.string()), z.array(z.int().min(0))]);
const sentenceSchema = z
  .object({
    tokens: z.array(z.string()).min(1),
    labels: tagsSchema.optional(),
    tags: tagsSchema.optional(),
    ner_tags: tagsSchema.optional(),
  })
  .transform(({ tokens, labels, tags, ner_tags }) => ({ tokens, tags: labels ?? tags ?? ner_tags }));

function jsonSentence(
  source: string,
): (record: { readonly fields: object; readonly line: number }) => TaggedSentence {
  return ({ fields, line }) => {
    const place = `${source}:${line}`;
    const result = sentenceSchema.safeParse(fields);
    if (!result.success || result.data.tags === undefined) {
      const keys = Object.keys(fields).map((key) => `"${key}"`);
      throw new GspfError('input/data', {
        subject: place,
        expected:
          'tokens, a list of texts, and labels (or tags, or ner_tags), a list of names or of class numbers',
        got: result.success ? `the keys ${keys.join(', ')}` : faultInWords(result.error, fields),
      });
    }
    const { tokens, tags } = result.data;
    if (tags.length !== tokens.length) {
      throw new GspfError('input/data', {
        subject: place,
        expected: `${tokens.length} labels, one for each token`,
        got: `${tags.length}`,
      });
    }
    return { tokens, tags, placeOf: (token) => `${place}, token ${token + 1}` };
  };
}
