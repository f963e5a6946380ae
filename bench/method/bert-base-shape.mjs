// A BERT of base shape with random weights, for timing: a Hugging Face directory.
//
//   node bench/method/bert-base-shape.mjs DIR TOKENIZER_DIR [LAYERS HIDDEN HEADS]
//
// TOKENIZER_DIR holds a tokenizer.json of bert-base-uncased.

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { textEncoder } from '../../dist/models/architecture.js';
import { initialize } from '../../dist/models/text-model.js';
import { encodeSafetensors } from '../../dist/safetensors/encode.js';

const [directory, tokenizer, layers = '12', hidden = '768', heads = '12'] = process.argv.slice(2);
const config = {
  architectures: ['BertModel'],
  model_type: 'bert',
  hidden_size: Number(hidden),
  num_hidden_layers: Number(layers),
  num_attention_heads: Number(heads),
  intermediate_size: 4 * Number(hidden),
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
  initializer_range: 0.02,
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  vocab_size: 30522,
  pad_token_id: 0,
};
const encoder = textEncoder(config, directory);
mkdirSync(directory, { recursive: true });
writeFileSync(join(directory, 'config.json'), JSON.stringify(config, null, 2));
writeFileSync(
  join(directory, 'model.safetensors'),
  encodeSafetensors(initialize(encoder.parameters, 0.02, 0), { format: 'pt' }),
);
copyFileSync(join(tokenizer, 'tokenizer.json'), join(directory, 'tokenizer.json'));
