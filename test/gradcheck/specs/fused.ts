import { float, int, ints, string } from '../../../src/graph/graph.ts';
import { flags, indices, indices32, known, numbers, positive, real, type Spec, spec } from '../spec.ts';

const fused = (
  op: string,
  ...rest: [...Parameters<typeof spec>] extends [string, ...infer R] ? R : never
): Spec => spec(`com.microsoft.${op}`, ...rest);

const [batch, length, width, heads] = [2, 3, 4, 2];
const x = real(batch, length, width);
const row = real(width);
const padding = indices32([batch, length], [1, 1, 1, 1, 0, 0]);
const lengths = indices32([batch], [3, 1]);
const twoHeads = { num_heads: int(heads) };
const sum = { outputs: ['y', '', '', 'sum'], seeded: ['y', 'sum'] };
const training = known(flags([], [0]));

const whole = [undefined, undefined, indices32([batch], [2, 2]), indices32([], [3])];
const onlyRow = [undefined, undefined, indices32([1], [3]), indices32([], [4])];
const twoToOne = { num_heads: int(2), kv_num_heads: int(1) };
const [queries, keys] = [real(batch, length, 8), real(batch, length, 4)];

/** Attention in which several heads of queries share one of keys and values. */
const groupedSpecs: readonly Spec[] = [
  fused(
    'GroupQueryAttention',
    'apart',
    [real(batch, length, 16), real(batch, length, 8), real(batch, length, 8), ...whole],
    twoToOne,
  ),
  fused(
    'GroupQueryAttention',
    'packed, a window and a cap',
    [real(1, 4, 32), undefined, undefined, ...onlyRow],
    { ...twoToOne, local_window_size: int(2), softcap: float(1.5), scale: float(0.75) },
  ),
  fused(
    'GroupQueryAttention',
    'turned by its positions',
    [real(1, 4, 32), real(1, 4, 16), real(1, 4, 16), ...onlyRow, real(5, 8), real(5, 8)],
    { ...twoToOne, do_rotary: int(1) },
    { outputs: ['y', 'k', 'v'], seeded: ['y', 'k'] },
  ),
  spec('Attention', 'side by side, causal', [queries, keys, keys], {
    q_num_heads: int(4),
    kv_num_heads: int(2),
    is_causal: int(1),
  }),
  spec('Attention', 'apart, truth values, a query that sees no key', [
    real(1, 2, 3, 2),
    real(1, 1, 4, 2),
    real(1, 1, 4, 3),
    flags([3, 4], [1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1]),
  ]),
  spec(
    'Attention',
    'a bias of the scores, a cap, its weights',
    [x, x, x, real(heads, length, length)],
    {
      q_num_heads: int(2),
      kv_num_heads: int(2),
      scale: float(0.75),
      softcap: float(1.5),
      qk_matmul_output_mode: int(3),
    },
    { outputs: ['y', 'k', 'v', 'weights'], seeded: ['y', 'weights'] },
  ),
];

export const fusedSpecs: readonly Spec[] = [
  fused('Gelu', 'a matrix', [real(2, 3)]),
  fused('BiasGelu', 'a row', [real(2, 3), real(3)]),
  fused('FastGelu', 'no bias', [real(2, 3)]),
  fused('FastGelu', 'a bias', [real(2, 3), real(3)]),
  fused('QuickGelu', 'the default', [real(2, 3)]),
  fused('QuickGelu', 'alpha', [real(2, 3)], { alpha: float(0.5) }),
  fused('BiasSoftmax', 'scores and a mask', [real(2, 2, 3, 3), real(2, 1, 1, 3)], {
    axis: int(3),
    is_inner_broadcast: int(0),
  }),
  fused('FusedMatMul', 'alpha', [real(2, 3), real(3, 2)], { alpha: float(0.5) }),
  fused('FusedMatMul', 'both transposed', [real(2, 4, 3), real(2, 5, 4)], { transA: int(1), transB: int(1) }),
  fused('FusedGemm', 'relu', [real(2, 3), real(3, 4), real(4)], { activation: string('Relu') }),
  fused('FusedGemm', 'leaky, transposed', [real(2, 3), real(4, 3), real(4)], {
    activation: string('LeakyRelu'),
    activation_alpha: float(0.25),
    transB: int(1),
    alpha: float(0.5),
  }),
  fused('FusedConv', 'relu', [real(1, 2, 5), real(3, 2, 3), real(3)], { activation: string('Relu') }),
  fused('FusedConv', 'clip', [real(1, 1, 4, 4), real(2, 1, 3, 3), real(2)], {
    activation: string('Clip'),
    activation_params: { type: 'floats', value: [-0.5, 1] },
    kernel_shape: ints([3, 3]),
  }),

  fused('SkipLayerNormalization', 'no biases', [x, x, row], {}),
  fused('SkipLayerNormalization', 'all, with the sum', [x, x, row, row, row], { epsilon: float(0.125) }, sum),
  fused('SkipSimplifiedLayerNormalization', 'no bias', [x, x, row]),
  fused('SkipSimplifiedLayerNormalization', 'a bias, with the sum', [x, x, row, row], {}, sum),
  fused('SimplifiedLayerNormalization', 'the last axis', [x, row], { epsilon: float(0.125) }),
  fused(
    'EmbedLayerNormalization',
    'words, segments, positions',
    [
      indices32([2, 3], [0, 4, 2, 1, 1, 3]),
      indices32([2, 3], [0, 0, 1, 1, 0, 0]),
      real(5, width),
      real(4, width),
      real(2, width),
      row,
      row,
      padding,
    ],
    {},
    { outputs: ['y', 'lengths'], seeded: ['y'] },
  ),

  fused('Attention', 'plain', [x, real(width, 3 * width), real(3 * width)], twoHeads),
  fused('Attention', 'causal', [x, real(width, 3 * width), real(3 * width)], {
    ...twoHeads,
    unidirectional: int(1),
  }),
  fused('Attention', 'padded, a scale', [x, real(width, 3 * width), real(3 * width), padding], {
    ...twoHeads,
    scale: float(0.25),
  }),
  fused('Attention', 'lengths', [x, real(width, 3 * width), real(3 * width), lengths], twoHeads),
  fused(
    'Attention',
    'a bias of the scores',
    [x, real(width, 3 * width), real(3 * width), undefined, undefined, real(batch, heads, length, length)],
    twoHeads,
  ),
  fused('MultiHeadAttention', 'apart', [x, real(2, 5, width), real(2, 5, width)], twoHeads),
  fused('MultiHeadAttention', 'biases and padding', [x, x, x, real(3 * width), padding], twoHeads),
  fused('MultiHeadAttention', 'packed', [real(2, 3, 2, 3, 2)], twoHeads),
  fused(
    'MultiHeadAttention',
    'causal, a bias of the scores',
    [x, x, x, undefined, undefined, real(1, heads, length, length)],
    { ...twoHeads, unidirectional: int(1) },
  ),
  fused('RotaryEmbedding', 'heads in one axis', [
    real(2, 3, 8),
    indices([2, 3], [0, 1, 2, 3, 1, 0]),
    real(5, 2),
    real(5, 2),
  ]),
  fused('RotaryEmbedding', 'heads apart, from a first position', [
    real(1, 2, 3, 4),
    indices([1], [1]),
    real(5, 2),
    real(5, 2),
  ]),
  fused('RotaryEmbedding', 'neighbours', [real(1, 2, 3, 4), indices([1], [0]), real(5, 2), real(5, 2)], {
    interleaved: int(1),
  }),

  ...groupedSpecs,

  spec(
    'RotaryEmbedding',
    'positions',
    [real(2, 3, 8), real(5, 2), real(5, 2), indices([2, 3], [0, 1, 2, 3, 1, 0])],
    { num_heads: int(2) },
  ),
  spec(
    'RotaryEmbedding',
    'neighbours, a part of each head, tables by place',
    [real(2, 2, 3, 6), real(2, 3, 2), real(2, 3, 2)],
    { interleaved: int(1), rotary_embedding_dim: int(4) },
  ),

  spec('CastLike', 'to int64', [numbers([3], [-1.5, 0, 2.7]), indices([], [0])]),
  spec('CastLike', 'to its own type', [real(2, 2), real()]),
  spec('Dropout', 'in evaluation', [real(2, 3)], {}, { outputs: ['y', 'mask'], seeded: ['y'] }),
  spec('Dropout', 'in evaluation, said so', [real(2, 3), known(positive()), training]),
];
