import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EncodedPiece } from '../../src/models/tokenizer.ts';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { applyPatchToDirectory } from '../../src/node/merge.ts';
import { loadModel, Model } from '../../src/node/model.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { readOnnx } from '../../src/node/onnx-file.ts';
import { saveOnnxDirectory } from '../../src/node/save-model.ts';
import { maskedLmObjective } from '../../src/objectives/masked-lm.ts';
import { maskedCount, maskTokens } from '../../src/objectives/masking.ts';
import { loadTask } from '../../src/tasks/load.ts';
import { maskedLm } from '../../src/tasks/masked-lm.ts';
import { fineTune } from '../../src/training/fine-tune.ts';
import { temporaryFolder } from '../cli/terminal.ts';
import { rejection } from '../data/failure.ts';
import { encoderDirectory, expected, modelDirectory } from '../fixtures/pipelines/pipelines.ts';
import { filesOf } from '../tasks/files.ts';

const environment = nodeEnvironment({ threads: 1 });
const vocabulary = { maskId: 4, vocabSize: 60 };

describe('maskTokens', () => {
  const pieceOf = (length: number): EncodedPiece => ({
    ids: [2, ...Array.from({ length }, (_, i) => 5 + (i % 50)), 3],
    typeIds: Array(length + 2).fill(0),
    truncated: false,
    ordinary: Array.from({ length }, (_, i) => i + 1),
  });

  test('hides 15 % of the ordinary tokens, at least one, and changes no other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.nat(2 ** 32 - 1), fc.nat(9), (length, seed, row) => {
        const piece = pieceOf(length);
        const { input, positions, tokens } = maskTokens(piece, vocabulary, seed, [1, row]);
        expect(positions).toHaveLength(Math.max(1, Math.round(0.15 * length)));
        expect(positions.length).toBeLessThanOrEqual(maskedCount(piece.ids.length));
        expect([...new Set(positions)].sort((a, b) => a - b)).toEqual(positions);
        expect(positions.every((position) => position >= 1 && position <= length)).toBe(true);
        expect(tokens).toEqual(positions.map((position) => piece.ids[position]));
        const others = piece.ids.flatMap((id, i) =>
          positions.includes(i) || input.ids[i] === id ? [] : [i],
        );
        expect(others).toEqual([]);
        expect(maskTokens(piece, vocabulary, seed, [1, row])).toEqual({ input, positions, tokens });
      }),
    );
  });

  test('shares out 80, 10 and 10 %, over all places alike, anew in each epoch', () => {
    const piece = pieceOf(40);
    const counts = { hidden: 0, kept: 0, other: 0 };
    const places = new Float64Array(42);
    const rows = 4000;
    for (let row = 0; row < rows; row++) {
      const { input, positions, tokens } = maskTokens(piece, vocabulary, 7, [1, row]);
      for (const [i, position] of positions.entries()) {
        places[position] = places[position]! + 1;
        const id = input.ids[position];
        counts[id === 4 ? 'hidden' : id === tokens[i] ? 'kept' : 'other']++;
      }
    }
    const total = 6 * rows;
    // A replacement is the same token once in 60, and the mask once in 60; 5 σ of each share is 0.013.
    expect(counts.hidden / total).toBeCloseTo(0.8 + 0.1 / 60, 1.8);
    expect(counts.kept / total).toBeCloseTo(0.1 + 0.1 / 60, 1.8);
    expect(counts.other / total).toBeCloseTo(0.1 - 0.2 / 60, 1.8);
    for (const place of places.subarray(1, 41)) expect(Math.abs(place / rows - 0.15)).toBeLessThan(0.03);
    const epochs = [1, 2].map((epoch) => maskTokens(piece, vocabulary, 7, [epoch, 0]).positions);
    expect(epochs[0]).not.toEqual(epochs[1]);
  });
});

describe('the task', () => {
  const load = (file: string, text: string, options = {}) =>
    loadTask('masked-lm', { data: file, ...options }, filesOf({ [file]: text, 'e.txt': 'one\ntwo' }));

  test('reads the lines of a text and the texts of a table', async () => {
    const lines = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    const task = await load('a.txt', `\ufeff${lines.join('\r\n\r\n')}\r\n`);
    expect([task.train.length, task.evaluation.length]).toEqual([18, 2]);
    expect(task.notes).toEqual([expect.stringContaining('Held out 2 of 20 texts for evaluation')]);
    const table = await load('a.csv', 'id,body\n1,borl\n2,"a, b"\n', { evalData: 'e.txt' });
    expect([table.train, table.evaluation]).toEqual([
      [{ text: 'borl' }, { text: 'a, b' }],
      [{ text: 'one' }, { text: 'two' }],
    ]);
    expect(table.notes).toEqual([expect.stringContaining('took column "body" as text')]);
    await expect(load('a.txt', '\n \n')).rejects.toThrow('a.txt: expected a text a line, got an empty file');
  });
});

const base = await openModelDirectory(encoderDirectory);
/** Each text says one of three things over and over. */
const sayings = ['borl flim', 'tavu nesk', 'grum pelo'];
const texts = Array.from({ length: 48 }, (_, i) => ({
  text: Array(4)
    .fill(sayings[i % 3])
    .join(' '),
}));
const task = maskedLm({
  train: { texts, notes: [] },
  evaluation: { texts: texts.slice(0, 12), notes: [] },
});

test('texts beyond the longest length are read in pieces, special tokens are never hidden', () => {
  const text = `borl [SEP] ${Array(40).fill('flim').join(' ')}`;
  const { train } = maskedLmObjective({ ...task, train: [{ text }] }, base.encoder, base.tokenizer, 16, 0);
  expect([...train.lengths]).toEqual([16, 16, 16]);
  expect(train.truncated).toBe(0);
  const [first] = base.tokenizer.encodePieces(text, 16);
  expect(first?.ids.slice(0, 4)).toEqual([2, 15, 3, 16]);
  expect(first?.ordinary).toEqual([1, ...Array.from({ length: 12 }, (_, i) => i + 3)]);
  expect(base.tokenizer.encodePieces('', 16)).toEqual([]);
});

test('a model learns what follows what, the same bits each time, and its patch goes on guessing', async () => {
  const options = {
    method: 'full',
    epochs: 20,
    batchSize: 8,
    lr: 1e-2,
    dropout: 'off',
    maxLength: 32,
    seed: 3,
  } as const;
  const { patch, report } = await fineTune(base, task, options, environment);
  const again = await fineTune(base, task, { ...options, epochs: 2 }, environment);
  const twice = await fineTune(base, task, { ...options, epochs: 2 }, environment);
  expect(twice.report.metrics).toEqual(again.report.metrics);
  expect(report.metrics['accuracy']).toBeGreaterThan(0.8);
  expect(report.metrics['perplexity']).toBeCloseTo(Math.exp(report.metrics['loss']!), 8);
  expect(patch.metadata.extra['task_kind']).toBe('masked-lm');
  const model = new Model(base, patch, environment);
  expect(await model.evaluate(task)).toEqual(report.metrics);
  const asked = ['borl flim borl [MASK] borl flim', '[MASK] nesk tavu nesk tavu [MASK]'];
  const found = await model.fillMask(asked);
  const best = found.map(({ masks }) => masks.map(([first]) => first?.token));
  expect(best).toEqual([['flim'], ['tavu', 'nesk']]);
  expect(found[1]?.masks[1]?.[0]?.sequence).toBe('[MASK] nesk tavu nesk tavu nesk');
  await model.release();

  const folder = temporaryFolder();
  await applyPatchToDirectory(encoderDirectory, patch, join(folder, 'merged'));
  const merged = await loadModel(join(folder, 'merged'), { threads: 1 });
  expect(merged.base.config).toMatchObject({ architectures: ['BertForMaskedLM'] });
  expect(await merged.fillMask(asked)).toEqual(found);
  const { base: opened, kind, labels } = merged;
  const saved = { base: opened, tensors: await merged.readTensors(), kind, labels };
  await saveOnnxDirectory(join(folder, 'onnx'), saved);
  const graph = await readOnnx(join(folder, 'onnx', 'onnx', 'model.onnx'));
  expect(graph.outputs).toMatchObject([{ name: 'logits', shape: ['batch', 'sequence', 60] }]);
  await merged.release();
}, 60_000);

describe('fillMask', () => {
  test("finds what transformers' pipeline finds", async () => {
    const model = await loadModel(modelDirectory('BertForMaskedLM', /^cls/), { threads: 1 });
    const found = await model.fillMask(
      expected.masks.map(({ text }) => text),
      { topK: 3 },
    );
    for (const [i, { masks }] of found.entries()) {
      const { found: lists, text } = expected.masks[i]!;
      const wanted = masks.length === 1 ? [lists] : lists;
      expect(
        masks.map((list) => list.map(({ token }) => token)),
        text,
      ).toEqual(wanted.map((list) => (list as { token_str: string }[]).map(({ token_str }) => token_str)));
      for (const [m, list] of masks.entries())
        for (const [c, { score }] of list.entries())
          expect(score).toBeCloseTo((wanted[m] as { score: number }[])[c]!.score, 5);
    }
    const refused = await rejection(model.fillMask(['no mask']));
    expect(refused).toBe('input/data: "no mask": expected "[MASK]" where a token is to be guessed, got none');
    await model.release();
  });
});
