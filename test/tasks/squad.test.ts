import { describe, expect, it } from 'vitest';
import { articleSplit, type QuestionExample, questionAnswering } from '../../src/tasks/question-answering.ts';
import { readQuestions } from '../../src/tasks/squad.ts';
import { failure } from '../data/failure.ts';
import { sharedText } from '../data/shared-files.ts';

const context = '😀 The lamp was lit at dusk, and again at dusk.';

/** One article with one paragraph on the context above. */
const squad = (...qas: readonly object[]): string =>
  JSON.stringify({ version: '1.1', data: [{ title: 'Lamps', paragraphs: [{ context, qas }] }] });
const asked = { id: 'q1', question: 'When?' };

describe("SQuAD's JSON", () => {
  it('counts starts in code points, as SQuAD does, and gives them in code units', () => {
    const [example] = readQuestions(
      squad({ ...asked, answers: [{ text: 'dusk', answer_start: 22 }] }),
      'dev.json',
    );
    expect(example).toEqual({
      id: 'q1',
      question: 'When?',
      context,
      title: 'Lamps',
      answers: [{ text: 'dusk', start: 23 }],
    });
    // A file written by JavaScript counts code units.
    const units = readQuestions(
      squad({ ...asked, answers: [{ text: 'again', answer_start: 33 }] }),
      'dev.json',
    );
    expect(units[0]!.answers).toEqual([{ text: 'again', start: 33 }]);
  });

  it('reads version 2: questions without answer, whatever is plausible', () => {
    const text = squad(
      { ...asked, answers: [], plausible_answers: [{ text: 'dusk', answer_start: 22 }], is_impossible: true },
      { ...asked, id: 2, answers: [{ text: 'lamp', answer_start: 6 }], is_impossible: false },
    );
    expect(readQuestions(`\ufeff${text}`, 'dev.json')).toMatchObject([
      { id: 'q1', answers: [], isImpossible: true },
      { id: '2', answers: [{ text: 'lamp', start: 7 }], isImpossible: false },
    ]);
  });

  it.each([
    [
      squad({ ...asked, answers: [{ text: 'dusk', answer_start: 3 }] }),
      'expected the answer "dusk" at character 3 of the context, got "he l". Its first occurrence is at 22; ' +
        'without answer_start that is taken.',
    ],
    [
      squad({ ...asked, answers: [{ text: 'dawn', answer_start: 22 }] }),
      'expected an answer that is a part of the context, letter for letter, got "dawn"',
    ],
    [squad({ id: 'q1', question: ' ', answers: [] }), 'expected a question, got an empty text'],
  ])('names the question of an answer that is not there: %#', (text, message) => {
    expect(failure(() => readQuestions(text, 'dev.json'))).toBe(
      `input/data: dev.json, question "q1": ${message}`,
    );
  });

  it('names the place of what is not of its form', () => {
    expect(
      failure(() => readQuestions(squad({ ...asked, answers: [{ text: 'dusk' }] }), 'dev.json')),
    ).toMatch(
      /^input\/data: dev.json, question "q1": expected .*, got no "data\[0\]\.paragraphs\[0\]\.qas\[0\]\.answers\[0\]\.answer_start"\./,
    );
    expect(failure(() => readQuestions('{"data": 3}', 'dev.json'))).toContain('got a number in "data".');
    expect(failure(() => readQuestions('{"rows": []}', 'dev.json'))).toContain('got no "data".');
    expect(failure(() => readQuestions('{"data": []}', 'dev.json'))).toBe(
      'input/data: dev.json: expected questions, got none',
    );
    expect(failure(() => readQuestions('{"data": ', 'dev.json'))).toContain('got invalid JSON');
  });

  const dev = sharedText('data/squad/dev-1.1.reconstructed.json');
  it.skipIf(dev === undefined)('has the official numbers of articles, questions and answers', () => {
    const examples = readQuestions(dev!, 'dev.json');
    expect(examples).toHaveLength(10_570);
    expect(new Set(examples.map(({ title }) => title)).size).toBe(48);
    expect(examples.reduce((sum, { answers }) => sum + answers.length, 0)).toBe(34_726);
    const { train, evaluation, unanswerable } = questionAnswering({
      name: 'squad',
      train: examples,
      evalRatio: 0.2,
    });
    expect(unanswerable).toBe(false);
    expect(train.length + evaluation.length).toBe(10_570);
    expect(Math.abs(evaluation.length - 2114)).toBeLessThan(220);
  });
});

describe("the user's own rows", () => {
  const row = { question: 'When?', context: 'At dusk, at dusk.' };
  const read = (...rows: readonly object[]): QuestionExample[] =>
    readQuestions(rows.map((each) => JSON.stringify(each)).join('\n'), 'own.jsonl');

  it('take answers in each usual form', () => {
    const forms = [
      { answers: [{ text: 'dusk', answer_start: 12 }] },
      { answers: { text: ['dusk'], answer_start: [12] } },
      { answer_text: 'dusk', answer_start: 12 },
      { answers: ['dusk'] },
      { answers: { text: ['dusk'] } },
      { answer_text: 'dusk' },
      { answers: [] },
      { answer_text: '' },
      { is_impossible: true },
    ];
    expect(read(...forms.map((form) => ({ ...row, ...form }))).map(({ answers }) => answers)).toEqual([
      ...new Array(3).fill([{ text: 'dusk', start: 12 }]),
      ...new Array(3).fill([{ text: 'dusk', start: 3 }]),
      ...new Array(3).fill([]),
    ]);
  });

  it('have an article by their context where they name none', () => {
    const other = { ...row, context: 'Dusk.', answers: [] };
    const examples = read(
      { ...row, answers: [] },
      other,
      { ...row, id: 7, answers: [] },
      { ...other, title: 'T' },
    );
    expect(examples.map(({ id, title }) => [id, title])).toEqual([
      ['line 1', 'context 1'],
      ['line 2', 'context 2'],
      ['7', 'context 1'],
      ['line 4', 'T'],
    ]);
    expect(readQuestions(JSON.stringify([{ ...row, answers: [] }]), 'own.json')).toHaveLength(1);
  });

  it.each([
    [{ ...row, answers: [{ text: 'dawn' }] }, 'letter for letter, got "dawn"'],
    [{ ...row }, 'expected answers, or answer_text and answer_start, got the keys question, context'],
    [{ context: 'x', answers: [] }, 'got no "question"'],
    [{ ...row, answers: { text: ['dusk'], answer_start: [1, 2] } }, 'got 2 and 1'],
    [{ ...row, answer_text: 'dusk', answer_start: 'x' }, 'got a text in "answer_start"'],
  ])('are named by their line when wrong: %#', (wrong, message) => {
    const error = failure(() => read({ ...row, answers: [] }, wrong));
    expect(error).toMatch(/^input\/data: own.jsonl:2: /);
    expect(error).toContain(message);
  });
});

describe('a task', () => {
  const examples = Array.from({ length: 100 }, (_, index): QuestionExample => {
    return { id: `${index}`, question: 'q', context: 'dusk', answers: [], title: `t${index % 12}` };
  });

  it('has no article on both sides, and the same for the same seed', () => {
    const { train, evaluation, notes } = articleSplit(examples, 0.25, 5);
    const titles = new Set(evaluation.map(({ title }) => title));
    expect(train.some(({ title }) => titles.has(title))).toBe(false);
    expect(train.length + evaluation.length).toBe(100);
    expect(titles.size).toBe(3);
    expect(notes).toEqual([
      `Held out ${evaluation.length} of 100 questions for evaluation: those on 3 of 12 articles ` +
        '(evaluation ratio 0.25, seed 5).',
    ]);
    expect(articleSplit(examples, 0.25, 5)).toEqual({ train, evaluation, notes });
    expect(articleSplit(examples, 0.25, 6).evaluation).not.toEqual(evaluation);
    for (const ratio of [0.001, 0.999]) {
      const extreme = articleSplit(examples, ratio, 0);
      expect(extreme.train.length).toBeGreaterThan(0);
      expect(extreme.evaluation.length).toBeGreaterThan(0);
    }
  });

  it('needs two articles to split, a ratio, and questions to evaluate on', () => {
    expect(failure(() => articleSplit(examples.slice(0, 1), 0.5, 0))).toContain('at least two articles');
    expect(failure(() => articleSplit(examples, 1, 0))).toContain('usage/option: evalRatio');
    expect(failure(() => questionAnswering({ name: 'squad', train: examples, evaluation: [] }))).toBe(
      'input/data: task squad: expected questions to evaluate on, got none',
    );
  });

  it('is scored by version 2 where a question has no answer', () => {
    const answered = { ...examples[0]!, answers: [{ text: 'dusk', start: 0 }] };
    const mixed = [answered, examples[1]!];
    const task = questionAnswering({ name: 'squad', train: [], evaluation: mixed });
    expect(task.evaluate(['at dusk', ''], mixed)).toEqual({
      f1: (2 / 3 + 1) / 2,
      exact_match: 0.5,
      answerable_f1: 2 / 3,
      answerable_exact_match: 0,
      unanswerable_f1: 1,
      unanswerable_exact_match: 1,
    });
    const old = questionAnswering({ name: 'squad', train: [], evaluation: [answered] });
    expect(old.evaluate(['dusk'], [answered])).toEqual({ f1: 1, exact_match: 1 });
  });
});
