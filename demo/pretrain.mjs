// Makes demo/model: a tiny BERT, pretrained on messages that the demonstration's grammar writes.
//
//   npm run build && node demo/pretrain.mjs [--out DIR] [--threads N]
//
// The same seed gives the same bytes on the same machine.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { differentiate, gradientName } from '../dist/autodiff/differentiate.js';
import { lengthBucketedBatches } from '../dist/data/batches.js';
import { dice } from '../dist/demo/dice.js';
import { maskedCount, pretrainingExamples, pretrainingFeeds } from '../dist/demo/pretraining-data.js';
import { tokenizerConfigJson, tokenizerJson, vocabulary } from '../dist/demo/tokenizer.js';
import { textEncoder } from '../dist/models/architecture.js';
import {
  maskedInputs,
  PAIR_LABELS,
  pretrainingGraph,
  pretrainingParameters,
} from '../dist/models/masked-lm.js';
import { initialize } from '../dist/models/text-model.js';
import { textTokenizer } from '../dist/models/tokenizer.js';
import { onnxRuntime } from '../dist/node/onnxruntime.js';
import { argmax } from '../dist/objectives/losses.js';
import { adamwStep, createAdamWState, decays } from '../dist/optim/adamw.js';
import { clipFactor, globalNorm } from '../dist/optim/clip.js';
import { schedule } from '../dist/optim/schedule.js';
import { ShapeCache } from '../dist/runtime/shape-cache.js';
import { encodeSafetensors } from '../dist/safetensors/encode.js';
import { specialize } from '../dist/specialize/specialize.js';
import { zeros } from '../dist/tensor.js';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: fileURLToPath(new URL('model', import.meta.url)) },
    threads: { type: 'string', default: '2' },
  },
});

const SEED = 7;
const HELD_OUT_SEED = 8;
const ROUNDS = 80;
const BATCHES_PER_ROUND = 50;
const BATCH_SIZE = 64;
const HELD_OUT = 1024;
const OPTIMIZER = { beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weightDecay: 0.01, lr: 2e-3, clipNorm: 1 };

const config = {
  architectures: ['BertModel'],
  model_type: 'bert',
  vocab_size: vocabulary().length,
  hidden_size: 96,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 288,
  hidden_act: 'gelu',
  max_position_embeddings: 64,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  initializer_range: 0.02,
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  pad_token_id: 0,
  position_embedding_type: 'absolute',
};

const encoder = textEncoder(config, 'config.json');
const tokenizer = textTokenizer(tokenizerJson(), tokenizerConfigJson(encoder.maxPositions), 'tokenizer.json');
const parameters = pretrainingParameters(encoder);
const weights = initialize(parameters, encoder.initializerRange, SEED);
const graph = pretrainingGraph(encoder);
const backend = onnxRuntime({ threads: Number(values.threads), memoryArena: true });
const bind = ({ batch, sequence }) =>
  specialize(graph, {
    dims: { batch, sequence, masked: maskedCount(batch, sequence) },
    variables: new Set(),
  });
const forward = new ShapeCache(backend, bind);
const training = new ShapeCache(backend, (shape) =>
  differentiate(bind(shape), { loss: 'loss', wrt: [...weights.keys()] }),
);

const gradients = new Map([...weights].map(([name, { shape }]) => [name, zeros('float32', shape)]));
const states = new Map([...weights].map(([name, { data }]) => [name, createAdamWState(data.length)]));
const steps = ROUNDS * BATCHES_PER_ROUND;
const factor = schedule({ kind: 'linear', warmupRatio: 0.06 }, steps);
const heldOut = readExamples(HELD_OUT_SEED, 0, HELD_OUT);

const startedAt = performance.now();
for (let round = 0; round < ROUNDS; round++) {
  const count = BATCHES_PER_ROUND * BATCH_SIZE;
  const examples = readExamples(SEED, round * count + 1, count);
  const batches = batchesOf(examples, round);
  let loss = 0;
  for (const [i, batch] of batches.entries()) {
    const step = round * BATCHES_PER_ROUND + i;
    loss += (await trainStep(examples, batch, step)) / batches.length;
  }
  if (round % 5 === 4 || round === ROUNDS - 1) report(round, loss, await evaluate());
}
await save();

/** One step of AdamW on every weight; returns the loss. */
async function trainStep(examples, batch, step) {
  const loss = zeros('float32', []);
  const results = new Map([['loss', loss]]);
  for (const [name, gradient] of gradients) results.set(gradientName(name), gradient);
  await run(training, examples, batch, dice(SEED, -1 - step), results);
  const { beta1, beta2, epsilon, clipNorm } = OPTIMIZER;
  const lr = OPTIMIZER.lr * factor(step);
  const scale = clipFactor(globalNorm([...gradients.values()].map(({ data }) => data)), clipNorm);
  for (const [name, { data, shape }] of weights) {
    const decay = decays(shape) ? OPTIMIZER.weightDecay : 0;
    const options = { lr, beta1, beta2, epsilon, decay, scale };
    adamwStep(data, 'all', gradients.get(name).data, states.get(name), options);
  }
  return loss.data[0];
}

/** On messages of another seed: the loss of masked tokens, and how many tokens and pairs are found. */
async function evaluate() {
  const sums = { tokenLoss: 0, tokens: 0, rightTokens: 0, pairs: 0, rightPairs: 0 };
  for (const [i, batch] of batchesOf(heldOut, 0).entries()) {
    const masked = maskedCount(batch.rows.length, batch.length);
    const results = new Map([
      ['token_loss', zeros('float32', [])],
      ['token_logits', zeros('float32', [masked, encoder.vocabSize])],
      ['pair_logits', zeros('float32', [batch.rows.length, 2])],
    ]);
    const feeds = await run(forward, heldOut, batch, dice(HELD_OUT_SEED, -1 - i), results);
    sums.tokens += masked;
    sums.pairs += batch.rows.length;
    sums.tokenLoss += results.get('token_loss').data[0] * masked;
    sums.rightTokens += hits(
      results.get('token_logits').data,
      encoder.vocabSize,
      feeds.get(maskedInputs.tokens),
    );
    sums.rightPairs += hits(results.get('pair_logits').data, 2, feeds.get(PAIR_LABELS));
  }
  return {
    tokenLoss: sums.tokenLoss / sums.tokens,
    tokenAccuracy: sums.rightTokens / sums.tokens,
    pairAccuracy: sums.rightPairs / sums.pairs,
  };
}

async function run(cache, examples, batch, random, results) {
  const feeds = pretrainingFeeds(examples, batch, encoder.vocabSize, random);
  const executable = await cache.get({ batch: batch.rows.length, sequence: batch.length });
  await executable.run(new Map([...weights, ...feeds]), results);
  return feeds;
}

function hits(logits, classes, { data }) {
  return Array.from(data).reduce((sum, label, row) => {
    const found = argmax(logits.subarray(row * classes, (row + 1) * classes));
    return sum + (found === Number(label) ? 1 : 0);
  }, 0);
}

function readExamples(seed, first, count) {
  return pretrainingExamples(tokenizer, encoder.maxPositions, { seed, first, count });
}

function batchesOf(examples, epoch) {
  const lengths = examples.map(({ pair }) => pair.ids.length);
  const { maxPositions: maxLength } = encoder;
  return lengthBucketedBatches({ lengths, batchSize: BATCH_SIZE, seed: SEED, epoch, maxLength });
}

function report(round, loss, { tokenLoss, tokenAccuracy, pairAccuracy }) {
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  console.log(
    `step ${(round + 1) * BATCHES_PER_ROUND}/${steps}  loss ${loss.toFixed(3)}  held out: ` +
      `token loss ${tokenLoss.toFixed(3)}  masked tokens ${percent(tokenAccuracy)}  pairs ${percent(pairAccuracy)}  ` +
      `${((performance.now() - startedAt) / 60_000).toFixed(1)} min`,
  );
}

/** Writes what transformers' BertModel.save_pretrained would: the heads of pretraining are dropped. */
async function save() {
  const body = encoder.parameters.map(({ name }) => [name.slice(encoder.prefix.length), weights.get(name)]);
  const text = (value) => `${JSON.stringify(value, null, 2)}\n`;
  await mkdir(values.out, { recursive: true });
  await writeFile(join(values.out, 'config.json'), text(config));
  await writeFile(join(values.out, 'tokenizer.json'), text(tokenizerJson()));
  await writeFile(join(values.out, 'tokenizer_config.json'), text(tokenizerConfigJson(encoder.maxPositions)));
  const bytes = encodeSafetensors(body, { format: 'pt' });
  await writeFile(join(values.out, 'model.safetensors'), bytes);
  console.log(`${values.out}: ${bytes.length} bytes of weights`);
}
