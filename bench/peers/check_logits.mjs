// Logits of an exported text classifier as transformers.js gives them, one JSON line a text.
//
//   node check_logits.mjs MODEL_DIR --inputs inputs.json [--max-length N] [--batch N]
//
// MODEL_DIR holds onnx/model.onnx, config.json, tokenizer.json, tokenizer_config.json. inputs.json is a list of
// texts; a pair is {"text": …, "textPair": …}. Nothing is fetched.

import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AutoModelForSequenceClassification, AutoTokenizer, env } from '@huggingface/transformers';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: 'string' },
    'max-length': { type: 'string' },
    batch: { type: 'string', default: '1' },
  },
});
const [directory] = positionals;
if (directory === undefined || values.inputs === undefined) {
  console.error('usage: node check_logits.mjs MODEL_DIR --inputs inputs.json [--max-length N] [--batch N]');
  process.exit(2);
}
if (!existsSync(join(directory, 'onnx/model.onnx'))) {
  console.error(`${directory}: expected onnx/model.onnx in it`);
  process.exit(2);
}

// A model is named relative to `localModelPath`, as it would be on the hub.
env.allowRemoteModels = false;
env.localModelPath = dirname(resolve(directory));
const name = basename(resolve(directory));
const tokenizer = await AutoTokenizer.from_pretrained(name);
const model = await AutoModelForSequenceClassification.from_pretrained(name, {
  dtype: 'fp32',
  device: 'cpu',
});

const maxLength = values['max-length'] === undefined ? {} : { max_length: Number(values['max-length']) };
const batch = Number(values.batch);
const inputs = JSON.parse(readFileSync(values.inputs, 'utf8')).map((row) =>
  typeof row === 'string' ? { text: row } : row,
);
for (let start = 0; start < inputs.length; start += batch) {
  const rows = inputs.slice(start, start + batch);
  const logits = await run(rows);
  rows.forEach((row, index) => {
    console.log(JSON.stringify({ ...row, logits: logits[index] }));
  });
}

async function run(rows) {
  const texts = rows.map((row) => row.text);
  const paired = rows.filter((row) => row.textPair !== undefined).length;
  if (paired > 0 && paired < rows.length) {
    throw new Error('a batch holds pairs or single texts, not both: use --batch 1');
  }
  const pairs = paired > 0 ? { text_pair: rows.map((row) => row.textPair) } : {};
  const tokens = tokenizer(texts, { ...pairs, ...maxLength, truncation: true, padding: true });
  const { logits } = await model(tokens);
  // Nine digits tell float32 numbers apart.
  return logits.tolist().map((row) => row.map((value) => Number(value.toPrecision(9))));
}
