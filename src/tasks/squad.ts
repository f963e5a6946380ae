import { z } from 'zod';
import { jsonlRecords, jsonRecords } from '../data/jsonl.ts';
import { faultInWords, valueAt } from '../data/schema-fault.ts';
import { GspfError } from '../errors.ts';
import type { Answer, QuestionExample } from './question-answering.ts';

/**
 * The questions of a file: SQuAD's own JSON (1.1 or 2.0), a JSON array of rows, or rows as JSON Lines.
 *
 * A row has `question`, `context` and either `answers` or `answer_text` with `answer_start`; `id` and `title` are its
 * own if it has them. `answers` is a list of `{ text, answer_start }` or of texts, or `{ text: […], answer_start: […] }`
 * as in the datasets library. Where a start is missing it is the first occurrence; empty answers mean that there is none.
 * Rows without title share one with the other rows on their context.
 *
 * @param source The file's name; `.jsonl` and `.ndjson` hold a row a line.
 * @throws `input/data` for a file of another form, and for an answer that is not in its context where it should be,
 * naming the question's id or line.
 */
export function readQuestions(text: string, source: string): QuestionExample[] {
  const isLines = /\.(jsonl|ndjson)$/i.test(source);
  if (!isLines && /^\ufeff?\s*\{/.test(text)) return readSquad(text, source);
  const records = isLines ? jsonlRecords(text, source) : jsonRecords(text, source);
  const titles = new Map<string, string>();
  return records.map(({ fields, line }) => {
    const place = `${source}:${line}`;
    const row = readRow(fields, place);
    const title = row.title ?? titles.get(row.context) ?? `context ${titles.size + 1}`;
    if (row.title === undefined) titles.set(row.context, title);
    return exampleOf({ ...row, id: String(row.id ?? `line ${line}`), title }, place);
  });
}

const start = z.int().min(0);
const answerSchema = z.object({ text: z.string(), answer_start: start });

const squadSchema = z.object({
  data: z.array(
    z.object({
      title: z.string().optional(),
      paragraphs: z.array(
        z.object({
          context: z.string(),
          qas: z.array(
            z.object({
              id: z.union([z.string(), z.number()]),
              question: z.string(),
              answers: z.array(answerSchema).default([]),
              is_impossible: z.boolean().optional(),
            }),
          ),
        }),
      ),
    }),
  ),
});

const rowSchema = z.object({
  id: z.union([z.string(), z.number()]).optional(),
  title: z.string().optional(),
  question: z.string(),
  context: z.string(),
  is_impossible: z.boolean().optional(),
  answers: z
    .union([
      z.array(z.union([z.string(), z.object({ text: z.string(), answer_start: start.optional() })])),
      z.object({ text: z.array(z.string()), answer_start: z.array(start).optional() }),
    ])
    .optional(),
  answer_text: z.string().nullish(),
  answer_start: start.nullish(),
});

/** The start as the file gives it, if it does. */
interface GivenAnswer {
  readonly text: string;
  readonly answer_start?: number | undefined;
}

interface GivenQuestion {
  readonly id: string;
  readonly title: string;
  readonly question: string;
  readonly context: string;
  readonly answers: readonly GivenAnswer[];
  readonly is_impossible?: boolean | undefined;
}

function readSquad(text: string, source: string): QuestionExample[] {
  const json = parse(text, source);
  const result = squadSchema.safeParse(json);
  if (!result.success) throw notSquad(json, result.error, source);
  const examples = result.data.data.flatMap(({ title, paragraphs }, article) =>
    paragraphs.flatMap(({ context, qas }) =>
      qas.map(({ id, ...given }) =>
        exampleOf(
          { ...given, id: String(id), context, title: title ?? `article ${article + 1}` },
          `${source}, question "${id}"`,
        ),
      ),
    ),
  );
  if (examples.length > 0) return examples;
  throw new GspfError('input/data', { subject: source, expected: 'questions', got: 'none' });
}

function parse(text: string, source: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new GspfError('input/data', {
      subject: source,
      expected: "SQuAD's JSON",
      got: `invalid JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'Name a file with one object a line .jsonl.',
      cause,
    });
  }
}

/** The error of JSON that is not of SQuAD's form, naming the question where the fault lies in one. */
function notSquad(json: unknown, error: z.ZodError, source: string): GspfError {
  const [issue] = error.issues;
  const path = issue?.path ?? [];
  const question =
    path.indexOf('qas') === -1 ? undefined : valueAt(json, path.slice(0, path.indexOf('qas') + 2));
  const id = question === undefined ? undefined : valueAt(question, ['id']);
  const named = typeof id === 'string' || typeof id === 'number' ? `, question "${id}"` : '';
  return new GspfError('input/data', {
    subject: `${source}${named}`,
    expected: "SQuAD's JSON: data → paragraphs → qas with id, question and answers of text and answer_start",
    got: faultInWords(error, json),
    hint: 'A JSON array of {question, context, answers} does as well.',
    cause: error,
  });
}

function readRow(
  fields: Readonly<Record<string, unknown>>,
  place: string,
): Omit<GivenQuestion, 'id' | 'title'> & { readonly id?: string | number; readonly title?: string } {
  const result = rowSchema.safeParse(fields);
  if (!result.success) {
    throw new GspfError('input/data', {
      subject: place,
      expected: 'question, context and answers (or answer_text and answer_start)',
      got: faultInWords(result.error, fields),
      cause: result.error,
    });
  }
  const { answers, answer_text: text, answer_start: at, ...row } = result.data;
  if (answers === undefined && text === undefined && row.is_impossible !== true) {
    throw new GspfError('input/data', {
      subject: place,
      expected: 'answers, or answer_text and answer_start',
      got: `the keys ${Object.keys(fields).join(', ')}`,
      hint: 'A question that has no answer has the empty list as answers.',
    });
  }
  const { id, title, ...rest } = row;
  return {
    ...rest,
    ...(id !== undefined && { id }),
    ...(title !== undefined && { title }),
    answers: answers === undefined ? lone(text ?? '', at ?? undefined) : listed(answers, place),
  };
}

function lone(text: string, at: number | undefined): GivenAnswer[] {
  return text === '' ? [] : [{ text, answer_start: at }];
}

function listed(
  answers: NonNullable<z.infer<typeof rowSchema>['answers']>,
  place: string,
): readonly GivenAnswer[] {
  if (Array.isArray(answers)) {
    return answers.map((answer) => (typeof answer === 'string' ? { text: answer } : answer));
  }
  const { text: texts, answer_start: starts } = answers;
  if (starts !== undefined && starts.length !== texts.length) {
    throw new GspfError('input/data', {
      subject: place,
      expected: 'as many numbers in answers.answer_start as texts in answers.text',
      got: `${starts.length} and ${texts.length}`,
    });
  }
  return texts.map((text, index) => ({ text, answer_start: starts?.[index] }));
}

function exampleOf({ is_impossible: isImpossible, ...given }: GivenQuestion, place: string): QuestionExample {
  for (const key of ['question', 'context'] as const) {
    if (given[key].trim() === '') {
      throw new GspfError('input/data', { subject: place, expected: `a ${key}`, got: 'an empty text' });
    }
  }
  // SQuAD 2 gives questions without answer plausible ones under another key; some derived files under this one.
  const answers = isImpossible ? [] : given.answers.map((answer) => placed(answer, given.context, place));
  return { ...given, answers, ...(isImpossible !== undefined && { isImpossible }) };
}

/**
 * An answer with its start in UTF-16 code units. SQuAD's counts code points; a file made by JavaScript may not.
 *
 * @throws `input/data` where the context has another text there.
 */
function placed({ text, answer_start: given }: GivenAnswer, context: string, place: string): Answer {
  const first = context.indexOf(text);
  if (text === '' || first === -1) {
    throw new GspfError('input/data', {
      subject: place,
      expected: 'an answer that is a part of the context, letter for letter',
      got: `"${text}"`,
    });
  }
  if (given === undefined) return { text, start: first };
  for (const start of [codeUnits(context, given), given]) {
    if (context.startsWith(text, start)) return { text, start };
  }
  throw new GspfError('input/data', {
    subject: place,
    expected: `the answer "${text}" at character ${given} of the context`,
    got: `"${Array.from(context)
      .slice(given, given + Array.from(text).length)
      .join('')}"`,
    hint: `Its first occurrence is at ${Array.from(context.slice(0, first)).length}; without answer_start that is taken.`,
  });
}

/** Where the code point of this number begins. */
function codeUnits(text: string, codePoints: number): number {
  let units = 0;
  for (let points = 0; points < codePoints && units < text.length; points++) {
    units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  }
  return units;
}
