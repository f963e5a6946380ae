import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { esmTokenizerJson } from '../../src/models/esm-tokenizer.ts';
import { textTokenizer } from '../../src/models/tokenizer.ts';

const fixtures = new URL('../fixtures/models/', import.meta.url);
const directories = readdirSync(fixtures).filter((name) =>
  existsSync(new URL(`${name}/tokens.json`, fixtures)),
);
const text = (path: string): string => readFileSync(new URL(path, fixtures), 'utf8');
const json = (path: string) => JSON.parse(text(path));

const casesSchema = z.array(
  z.object({
    text: z.string(),
    textPair: z.string().optional(),
    inputIds: z.array(z.number()),
    tokenTypeIds: z.array(z.number()),
  }),
);

describe.each(directories)('the tokenizer of test/fixtures/models/%s', (directory) => {
  const isResidues = directory === 'esm';
  const file = isResidues
    ? esmTokenizerJson(text(`${directory}/vocab.txt`))
    : json(`${directory}/tokenizer.json`);
  const tokenizer = textTokenizer(file, {}, directory);

  test.each(casesSchema.parse(json(`${directory}/tokens.json`)))(
    'gives the ids of the tokenizers library: $text, $textPair',
    ({ text, textPair, inputIds, tokenTypeIds }) => {
      const { ids, typeIds } = tokenizer.encode(text, textPair, 100);
      expect(ids).toEqual(inputIds);
      expect(typeIds).toEqual(tokenTypeIds);
    },
  );
});
