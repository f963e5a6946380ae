import fc from 'fast-check';
import { bytesOf, bytesPerElement, type DType, fromBytes, sizeOf, type Tensor } from '../../src/tensor.ts';
import { names, shapes, tensors, tensorsOf } from '../safetensors/arbitraries.ts';

const floats = ['float32', 'float16', 'bfloat16'] as const satisfies readonly DType[];

/** A tensor of a base, and what becomes of it. */
interface Fate {
  readonly name: string;
  readonly before?: Tensor;
  readonly after?: Tensor;
}

/** A float tensor with some of its elements replaced by random bits. */
const tuned = fc
  .record({ dtype: fc.constantFrom(...floats), shape: shapes })
  .chain(({ dtype, shape }) =>
    fc.record({
      before: tensorsOf(dtype, shape),
      source: tensorsOf(dtype, shape),
      chosen: fc.array(
        fc.nat(4).map((n) => n === 0),
        { minLength: sizeOf(shape), maxLength: sizeOf(shape) },
      ),
    }),
  )
  .map(({ before, source, chosen }) => {
    const bytes = bytesOf(before).slice();
    const width = bytesPerElement(before.dtype);
    for (const [i, replaced] of chosen.entries()) {
      if (replaced) bytes.set(bytesOf(source).subarray(i * width, (i + 1) * width), i * width);
    }
    return { before, after: fromBytes(before.dtype, before.shape, bytes) };
  });

/** A head whose number of labels changes: same type, other shape. */
const reshaped = fc
  .tuple(fc.constantFrom(...floats), shapes, shapes)
  .chain(([dtype, before, after]) =>
    fc.record({ before: tensorsOf(dtype, before), after: tensorsOf(dtype, after) }),
  );

const fates: fc.Arbitrary<Fate[]> = fc.uniqueArray(
  fc
    .tuple(
      names,
      fc.oneof(
        { weight: 4, arbitrary: tuned },
        { weight: 1, arbitrary: reshaped },
        { weight: 1, arbitrary: tensors.map((after) => ({ after })) },
        { weight: 1, arbitrary: tensors.map((before) => ({ before })) },
        { weight: 1, arbitrary: tensors.map((same) => ({ before: same, after: same })) },
      ),
    )
    .map(([name, fate]) => ({ name, ...fate })),
  { selector: ({ name }) => name, maxLength: 6 },
);

/** A base and a model tuned from it: tensors changed in part, reshaped, added, removed and left alone. */
export const modelPairs: fc.Arbitrary<{ base: Map<string, Tensor>; tuned: Map<string, Tensor> }> = fates.map(
  (all) => {
    const base = new Map<string, Tensor>();
    const tuned = new Map<string, Tensor>();
    for (const { name, before, after } of all) {
      if (before !== undefined) base.set(name, before);
      if (after !== undefined) tuned.set(name, after);
    }
    return { base, tuned };
  },
);
