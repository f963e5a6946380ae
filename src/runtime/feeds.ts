import { GspfError, suggest } from '../errors.ts';
import type { ValueInfo } from '../graph/graph.ts';
import { formatType, sizeOf, type Tensor, type TensorType } from '../tensor.ts';
import type { NamedTensors } from './backend.ts';

/** The tensor for each input, in order. @throws `graph/shape` where one is missing or of another type. */
export function feedsFor(inputs: readonly ValueInfo[], feeds: NamedTensors): readonly [string, Tensor][] {
  return inputs.map(({ name, dtype, shape }) => {
    const type = { dtype, shape: shape.map(Number) };
    return [name, expectTensor(`input "${name}"`, type, feeds.get(name))];
  });
}

/** The types of the wanted outputs. @throws `graph/shape` for an output that the graph lacks or of another type. */
export function resultsFor(
  outputs: readonly ValueInfo[],
  results: NamedTensors,
): readonly [string, Tensor][] {
  const known = new Map(outputs.map((output) => [output.name, output]));
  return [...results].map(([name, tensor]) => {
    const output = known.get(name);
    if (output === undefined) {
      throw new GspfError('graph/shape', {
        subject: `result "${name}"`,
        expected: 'an output of the graph',
        got: 'none of that name',
        hint: suggest(name, known.keys()),
      });
    }
    const type = { dtype: output.dtype, shape: output.shape.map(Number) };
    return [name, expectTensor(`result "${name}"`, type, tensor)];
  });
}

function expectTensor(subject: string, type: TensorType, tensor: Tensor | undefined): Tensor {
  const fits =
    tensor !== undefined &&
    tensor.dtype === type.dtype &&
    tensor.shape.length === type.shape.length &&
    type.shape.every((extent, axis) => extent === tensor.shape[axis]) &&
    tensor.data.length === sizeOf(type.shape);
  if (fits) return tensor;
  throw new GspfError('graph/shape', {
    subject,
    expected: formatType(type),
    got: tensor === undefined ? 'none' : formatType(tensor),
  });
}
