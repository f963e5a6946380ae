import { create, toBinary } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, ModelProtoSchema } from 'onnx-buf';
import { elementTypeNumber } from '../graph/element-types.ts';

/** The output that stands before all others: see {@link fenced}. */
export const FENCE = 'gspf/fence';

/** What onnxruntime-node says of an output that is no tensor. */
const REFUSAL = 'Non tensor type is temporarily not supported.';

/**
 * A model whose outputs are filled where the caller wants them, and not copied.
 *
 * onnxruntime-node 1.30 writes outputs into the arrays that it is given, and then returns copies of them all: of full
 * fine-tuning's gradients, as many bytes as the weights have, in every step. It makes the copies in the order of the
 * outputs, when everything is computed. An output in front of them that is no tensor, an empty sequence, ends that:
 * onnxruntime-node refuses to return it, by an error that says nothing else ({@link isFenced}).
 *
 * @param model An ONNX model. Messages of protocol buffers are joined by putting their bytes one after another.
 */
export function fenced(model: Uint8Array): Uint8Array {
  return Buffer.concat([fenceOutput, model, fenceNode]);
}

/** Whether an error of a run says no more than that the outputs were not copied. */
export function isFenced(error: unknown): boolean {
  return error instanceof Error && error.message === REFUSAL;
}

const float = elementTypeNumber('float32');
const sequence = {
  case: 'sequenceType' as const,
  value: { elemType: { value: { case: 'tensorType' as const, value: { elemType: float } } } },
};
const fenceOutput = toBinary(
  ModelProtoSchema,
  create(ModelProtoSchema, { graph: { output: [{ name: FENCE, type: { value: sequence } }] } }),
);
const dtype = { name: 'dtype', type: AttributeProto_AttributeType.INT, i: BigInt(float) };
const fenceNode = toBinary(
  ModelProtoSchema,
  create(ModelProtoSchema, {
    graph: { node: [{ name: FENCE, opType: 'SequenceEmpty', output: [FENCE], attribute: [dtype] }] },
  }),
);
