// What the measurements work on, made once and kept: a model of BERT-base's shape, batches, a table, a selection.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSha256 } from '../dist/node/files.js';
import { openModelDirectory } from '../dist/node/model-directory.js';
import { encodeSelection } from '../dist/node/selection-file.js';
import { baseSha256 } from '../dist/patch/hash.js';
import { drawMask } from './method/drawn-mask.mjs';

/** Batches that steps go through, in turn. */
const BATCHES = 8;

export const shapes = {
  base: { layers: 12, hidden: 768, heads: 12, lowest: 8, topLayers: 4, batch: 8, length: 128 },
  tiny: { layers: 3, hidden: 32, heads: 2, lowest: 2, topLayers: 1, batch: 4, length: 16 },
};

/** What case B steps through: MiniLM, batches about as long as SST-2's. */
export const sentences = { lowest: 0, batch: 32, length: 24 };

/** A directory of random weights of that shape. */
export function shapedModel(work, { layers, hidden, heads, type = 'bert' }, tokenizer) {
  const directory = join(work, `${type}-${layers}x${hidden}`);
  if (existsSync(directory)) return directory;
  const script = fileURLToPath(new URL('method/random-model.mjs', import.meta.url));
  const unfinished = `${directory}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  execFileSync(process.execPath, [script, unfinished, tokenizer, `${layers}`, `${hidden}`, `${heads}`, type]);
  renameSync(unfinished, directory);
  return directory;
}

/**
 * Rows of full length as texts and as token ids, a table of them, and a mask over the weights above the frontier.
 *
 * @returns the paths of `batches.json`, `table.csv` and `selection.safetensors`
 */
export async function writeMaterials(folder, directory, shape) {
  mkdirSync(folder, { recursive: true });
  const file = (name) => join(folder, name);
  await writeBatches(file('batches.json'), directory, shape);
  await writeTable(file('table.csv'), directory, shape);
  const { lowest } = shape;
  const model = await openModelDirectory(directory);
  const tensors = await model.readTensors();
  const [, hidden] = tensors.get('bert.embeddings.word_embeddings.weight')?.shape ?? [];
  const parameters = [...tensors].map(([name, { shape }]) => [name, shape]);
  const head = [
    ['classifier.weight', [2, hidden]],
    ['classifier.bias', [2]],
  ];
  const selection = drawMask(new Map([...parameters, ...head]), { kind: 'real', lowest });
  writeFileSync(file('selection.safetensors'), encodeSelection(selection, baseSha256(tensors, createSha256)));
  return {
    batches: file('batches.json'),
    table: file('table.csv'),
    selection: file('selection.safetensors'),
  };
}

/** Batches of such rows, as JSON. */
export async function writeBatches(path, directory, shape) {
  const { batch } = shape;
  const inBatches = (values) =>
    Array.from({ length: BATCHES }, (_, i) => values.slice(i * batch, (i + 1) * batch));
  const { texts, ids, labels } = await drawRows(directory, shape);
  writeFileSync(
    path,
    JSON.stringify({ texts: inBatches(texts), ids: inBatches(ids), labels: inBatches(labels) }),
  );
}

/** The same rows as a table. */
export async function writeTable(path, directory, shape) {
  const { texts, labels } = await drawRows(directory, shape);
  writeFileSync(path, `text,label\n${texts.map((text, i) => `${text},${'ab'[labels[i]]}\n`).join('')}`);
}

async function drawRows(directory, { batch, length }) {
  const model = await openModelDirectory(directory);
  const rows = Array.from({ length: BATCHES * batch }, (_, row) => row);
  const words = oneTokenWords(directory);
  const texts = rows.map((row) =>
    Array.from({ length: length - 2 }, (_, i) => words[(row * 7919 + i * 104729) % words.length]).join(' '),
  );
  const ids = texts.map((text) => model.tokenizer.encode(text, undefined, length).ids);
  if (ids.some((row) => row.length !== length)) throw new Error('a text is not as long as it should be');
  return { texts, ids, labels: rows.map((row) => row % 2) };
}

/** Words of which each is one token. */
function oneTokenWords(directory) {
  const { vocab } = JSON.parse(readFileSync(join(directory, 'tokenizer.json'), 'utf8')).model;
  return Object.keys(vocab).filter((word) => /^[a-z]{4,}$/.test(word));
}
