import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { demoModelDirectory, runDemo } from '../../src/demo/demo.ts';
import { join, message } from '../../src/demo/grammar.ts';
import { runMethod } from '../../src/demo/method.ts';
import { demoTask } from '../../src/demo/task.ts';
import { intents } from '../../src/demo/words.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { root } from '../docs/code-blocks.ts';

const unknown = 1;

describe('the grammar', () => {
  test('writes the same message for the same number', () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), (seed, number) => {
        expect(message(seed, number)).toEqual(message(seed, number));
      }),
    );
  });

  test('never counts what is wanted among what is only mentioned', () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), (seed, number) => {
        const { wanted, mentioned, request } = message(seed, number);
        expect(mentioned).not.toContain(wanted);
        expect(request === '').toBe(wanted === null);
      }),
    );
  });

  test('uses no word that the tokenizer does not know', async () => {
    const { tokenizer } = await openModelDirectory(demoModelDirectory);
    for (let number = 0; number < 500; number++) {
      const { opening, request, closing, ending } = message(1, number);
      const { ids } = tokenizer.encode(join(opening, request, closing, ending), undefined, 512);
      expect(ids).not.toContain(unknown);
    }
  });
});

test('the task has different texts in its halves, and every class in both', () => {
  const { train, evaluation } = demoTask({ train: 1200, evaluation: 400 });
  const seen = new Set(train.map(({ text }) => text));
  expect(evaluation.filter(({ text }) => seen.has(text))).toEqual([]);
  for (const half of [train, evaluation]) {
    expect(new Set(half.map(({ label }) => label)).size).toBe(intents.length);
  }
});

test('the weights are those that the README names, and small enough', () => {
  const bytes = readFileSync(`${demoModelDirectory}/model.safetensors`);
  expect(bytes.length).toBeLessThan(2_000_000);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  expect(readFileSync(`${root}demo/README.md`, 'utf8')).toContain(sha256);
});

test('the demonstration learns, keeps frozen weights, and takes the patch off again', async () => {
  const size = { train: 320, evaluation: 100 };
  const result = await runDemo({ size, epochs: 3, threads: 1, runMethod });
  const [full, gspf] = result.methods;
  expect(full?.accuracy).toBeGreaterThan(1.5 / intents.length);
  expect(gspf?.frozen.identical).toBe(true);
  expect(gspf?.trained).toBe(
    Math.floor(0.05 * (gspf?.parameters ?? 0)) - zeroGradientShare(gspf?.parameters),
  );
  expect(gspf?.patchBytes).toBeLessThan((full?.patchBytes ?? 0) / 5);
  expect(result.proof.mergedEqualsUnmerged).toBe(true);
  expect(result.proof.revertedSha256).toBe(result.proof.baseSha256);
  expect(result.predictions).toHaveLength(4);
});

/** 5 % is of the eligible weights: the four layers' key biases, 96 each, are not among them. */
function zeroGradientShare(parameters = 0): number {
  return Math.floor(0.05 * parameters) - Math.floor(0.05 * (parameters - 4 * 96));
}
