import { embeddingParameters, layerNormParameters, linearParameters, type Parameter } from '../parameters.ts';
import type { BertConfig } from './config.ts';

/** The parameters of transformers' BertModel, under the prefix `bert.` of its task models. */
export function bertParameters(config: BertConfig): Parameter[] {
  const { hidden_size: hidden, intermediate_size: intermediate } = config;
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => {
    const layer = `bert.encoder.layer.${i}`;
    return [
      ...linearParameters(`${layer}.attention.self.query`, hidden, hidden),
      ...linearParameters(`${layer}.attention.self.key`, hidden, hidden),
      ...linearParameters(`${layer}.attention.self.value`, hidden, hidden),
      ...linearParameters(`${layer}.attention.output.dense`, hidden, hidden),
      ...layerNormParameters(`${layer}.attention.output.LayerNorm`, hidden),
      ...linearParameters(`${layer}.intermediate.dense`, hidden, intermediate),
      ...linearParameters(`${layer}.output.dense`, intermediate, hidden),
      ...layerNormParameters(`${layer}.output.LayerNorm`, hidden),
    ];
  });
  return [
    ...embeddingParameters('bert.embeddings.word_embeddings', config.vocab_size, hidden),
    ...embeddingParameters('bert.embeddings.position_embeddings', config.max_position_embeddings, hidden),
    ...embeddingParameters('bert.embeddings.token_type_embeddings', config.type_vocab_size, hidden),
    ...layerNormParameters('bert.embeddings.LayerNorm', hidden),
    ...layers.flat(),
    ...linearParameters('bert.pooler.dense', hidden, hidden),
  ];
}

/** The name of the token prediction head in transformers' BertForMaskedLM. */
export const TOKEN_HEAD = 'cls.predictions';

/** The parameters of that head, the decoder's weight left out: it is the word embeddings. */
export function bertTokenHeadParameters({ hidden_size: hidden, vocab_size: vocab }: BertConfig): Parameter[] {
  return [
    ...linearParameters(`${TOKEN_HEAD}.transform.dense`, hidden, hidden),
    ...layerNormParameters(`${TOKEN_HEAD}.transform.LayerNorm`, hidden),
    { name: `${TOKEN_HEAD}.bias`, shape: [vocab], initialization: 'zeros' },
  ];
}
