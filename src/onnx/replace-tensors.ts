import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type ModelProto, ModelProtoSchema, type TensorProto, TensorProto_DataLocation } from 'onnx-buf';
import { GspfError } from '../errors.ts';
import { elementType } from '../graph/element-types.ts';
import { bytesOf, formatType, type Tensor } from '../tensor.ts';

/** New bytes for a part of a file beside the model. */
export interface ExternalEdit {
  readonly location: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** A model file with other values. */
export interface ReplacedTensors {
  readonly bytes: Uint8Array;
  /** What is to be changed in the files beside it. */
  readonly external: readonly ExternalEdit[];
}

/**
 * A model's file with other values in some of its tensors: initializers, or Constant nodes by the names of their outputs.
 * Everything else stays as it is, to the byte; only where a tensor is stored as numbers is the file written anew.
 *
 * @param tensors Of the types and shapes that the file has.
 * @throws `input/patch` for a tensor that the file lacks, or of another type.
 */
export function replaceTensors(
  file: Uint8Array,
  tensors: ReadonlyMap<string, Tensor>,
  source: string,
): ReplacedTensors {
  const model = fromBinary(ModelProtoSchema, file);
  const bytes = file.slice();
  const external: ExternalEdit[] = [];
  let rewritten = false;
  for (const [name, tensor] of tensors) {
    const stored = storedTensor(model, name, source);
    requireType(stored, tensor, `${source}, tensor "${name}"`);
    const data = bytesOf(tensor);
    if (stored.dataLocation === TensorProto_DataLocation.EXTERNAL) {
      const entry = (key: string): string =>
        stored.externalData.find((pair) => pair.key === key)?.value ?? '';
      external.push({ location: entry('location'), offset: Number(entry('offset') || 0), bytes: data });
    } else if (stored.rawData.length === data.length && stored.rawData.buffer === file.buffer) {
      bytes.set(data, stored.rawData.byteOffset - file.byteOffset);
    } else {
      rewritten = true;
    }
    if (stored.dataLocation !== TensorProto_DataLocation.EXTERNAL) {
      stored.rawData = new Uint8Array(data);
      stored.floatData = [];
      stored.doubleData = [];
      stored.int32Data = [];
    }
  }
  return { bytes: rewritten ? toBinary(ModelProtoSchema, model) : bytes, external };
}

function storedTensor(model: ModelProto, name: string, source: string): TensorProto {
  const { initializer = [], node = [] } = model.graph ?? {};
  const constant = node.find(({ opType, output }) => opType === 'Constant' && output[0] === name);
  const found =
    initializer.find((tensor) => tensor.name === name) ??
    constant?.attribute.find((attribute) => attribute.name === 'value')?.t;
  if (found !== undefined) return found;
  throw new GspfError('input/patch', {
    subject: `tensor "${name}"`,
    expected: `an initializer of ${source}`,
    got: 'none of that name',
    hint: 'The patch is for another file, or for a weight that gspf computes when it reads this one.',
  });
}

function requireType(stored: TensorProto, tensor: Tensor, subject: string): void {
  const type = { dtype: elementType(stored.dataType, subject), shape: stored.dims.map(Number) };
  if (formatType(type) === formatType(tensor)) return;
  throw new GspfError('input/patch', { subject, expected: formatType(type), got: formatType(tensor) });
}
