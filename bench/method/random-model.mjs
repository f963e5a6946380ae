// A BERT or RoBERTa with random weights, for timing: a Hugging Face directory. Of BERT-base's shape by default.
//
//   node bench/method/random-model.mjs DIR TOKENIZER_DIR [LAYERS HIDDEN HEADS TYPE]
//
// TYPE: bert, or roberta, which has more words. TOKENIZER_DIR holds a tokenizer.json of bert-base-uncased.

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { textEncoder } from '../../dist/models/architecture.js';
import { initialize } from '../../dist/models/text-model.js';
import { encodeSafetensors } from '../../dist/safetensors/encode.js';

const [directory, tokenizer, layers = '12', hidden = '768', heads = '12', type = 'bert'] =
  process.argv.slice(2);
const kinds = {
  bert: {
    architectures: ['BertModel'],
    layer_norm_eps: 1e-12,
    max_position_embeddings: 512,
    type_vocab_size: 2,
    vocab_size: 30522,
    pad_token_id: 0,
  },
  roberta: {
    architectures: ['RobertaModel'],
    layer_norm_eps: 1e-5,
    max_position_embeddings: 514,
    type_vocab_size: 1,
    vocab_size: 50265,
    pad_token_id: 1,
  },
};
const config = {
  ...kinds[type],
  model_type: type,
  hidden_size: Number(hidden),
  num_hidden_layers: Number(layers),
  num_attention_heads: Number(heads),
  intermediate_size: 4 * Number(hidden),
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
  initializer_range: 0.02,
};
const encoder = textEncoder(config, directory);
mkdirSync(directory, { recursive: true });
writeFileSync(join(directory, 'config.json'), JSON.stringify(config, null, 2));
writeFileSync(
  join(directory, 'model.safetensors'),
  encodeSafetensors(initialize(encoder.parameters, 0.02, 0), { format: 'pt' }),
);
copyFileSync(join(tokenizer, 'tokenizer.json'), join(directory, 'tokenizer.json'));
