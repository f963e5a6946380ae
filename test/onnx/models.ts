import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  type GraphProtoSchema,
  ModelProtoSchema,
  type TensorProtoSchema,
  TypeProtoSchema,
} from 'onnx-buf';
import { elementTypeNumber } from '../../src/graph/element-types.ts';
import { decodeModel } from '../../src/onnx/decode.ts';
import type { ReadExternalData } from '../../src/onnx/tensor-proto.ts';
import type { DType, Tensor } from '../../src/tensor.ts';

/** What a test may say of a model beside its graph. */
interface ModelParts {
  readonly opsetImport?: { domain: string; version: bigint }[];
  readonly functions?: { name: string }[];
}

/** The bytes of a model as an exporter of that opset would write them. */
export function modelBytes(
  graph: MessageInitShape<typeof GraphProtoSchema>,
  model: ModelParts = {},
): Uint8Array {
  const opsetImport = [{ domain: '', version: 17n }];
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, opsetImport, ...model, graph }),
  );
}

/** A graph input or output. */
export function info(name: string, dtype: DType, shape: readonly number[]) {
  const dim = shape.map((extent) => ({ value: { case: 'dimValue' as const, value: BigInt(extent) } }));
  const value = {
    case: 'tensorType' as const,
    value: { elemType: elementTypeNumber(dtype), shape: { dim } },
  };
  return { name, type: create(TypeProtoSchema, { value }) };
}

export const intsAttribute = (name: string, values: readonly number[]) => ({
  name,
  type: AttributeProto_AttributeType.INTS,
  ints: values.map(BigInt),
});

export const intAttribute = (name: string, value: number) => ({
  name,
  type: AttributeProto_AttributeType.INT,
  i: BigInt(value),
});

/** The initializer that comes of a TensorProto. */
export function decoded(
  tensor: MessageInitShape<typeof TensorProtoSchema>,
  readExternal?: ReadExternalData,
): Tensor {
  const bytes = modelBytes({ initializer: [{ name: 't', ...tensor }] });
  return decodeModel(bytes, { source: 'm.onnx', readExternal }).initializers.get('t')!;
}
