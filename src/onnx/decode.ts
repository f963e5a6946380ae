import { fromBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type ValueInfoProto,
} from 'onnx-buf';
import { GspfError } from '../errors.ts';
import { elementType } from '../graph/element-types.ts';
import type { Attribute, Dim, Graph, Node, ValueInfo } from '../graph/graph.ts';
import { sortNodes } from '../graph/topology.ts';
import type { Tensor } from '../tensor.ts';
import { isContrib } from './contrib.ts';
import { inlineFunctions } from './functions.ts';
import { decodeTensor, type ReadExternalData } from './tensor-proto.ts';
import { upgradeNode } from './upgrade.ts';

/** Opsets that can be read. From 21 on element types were widened, and what is new is rewritten. */
const OLDEST_OPSET = 13;
const NEWEST_OPSET = 26;

/** What decoding needs beside the bytes. */
export interface DecodeOptions {
  /** What to call the model in messages: its path. */
  readonly source: string;
  /** Gives the bytes of tensors that lie in files beside the model. */
  readonly readExternal?: ReadExternalData | undefined;
  /**
   * Called for a node that gspf does not read, which then stays in the graph without attributes, its operator under
   * the full name: to look at a model, not to run it. Without it such a node is an error.
   */
  readonly onRefused?: ((error: GspfError) => void) | undefined;
}

/** What a model file says beside its graph. */
export interface ModelFile {
  readonly graph: Graph;
  /** The version of ONNX's own operators. */
  readonly opset: number;
  readonly irVersion: number;
  /** Who wrote it, with the version: `pytorch 2.15.0`; empty where it does not say. */
  readonly producer: string;
}

/**
 * Reads an ONNX model (IR version 3 and later, opset 13 to 26) into a graph of opset 20.
 *
 * Initializers are views on `bytes` where they are aligned for their type, so `bytes` must not change.
 *
 * @throws `input/onnx` for bytes that are no ONNX model or hold what gspf does not read (sparse tensors, unknown
 *   operator domains).
 */
export function decodeModel(bytes: Uint8Array, options: DecodeOptions): Graph {
  return decodeModelFile(bytes, options).graph;
}

/** {@link decodeModel} with what else the file says. */
export function decodeModelFile(
  bytes: Uint8Array,
  { source, readExternal, onRefused }: DecodeOptions,
): ModelFile {
  const model = parse(bytes, source);
  const graph = model.graph;
  if (graph === undefined) throw malformed(source, 'a model with a graph', 'none');
  const opset = defaultOpset(model, source);

  const initializers = new Map(
    graph.initializer.map((proto) => [proto.name, decodeTensor(proto, source, readExternal)] as const),
  );
  const addInitializer = (name: string, tensor: Tensor): unknown => initializers.set(name, tensor);
  const read = (proto: NodeProto): readonly Node[] => {
    const node = {
      name: proto.name,
      opType: qualifiedName(proto),
      inputs: proto.input,
      outputs: proto.output,
      attributes: Object.fromEntries(proto.attribute.map((a) => [a.name, attributeOf(a)])),
    };
    if (!node.opType.includes('.')) return upgradeNode(node, opset, addInitializer);
    if (isContrib(node.opType)) return [node];
    throw new GspfError('graph/operator', {
      subject: `${source}, ${proto.opType} "${proto.name}"`,
      expected: "an operator of ONNX's own domain, or one that gspf can replace",
      got: `domain "${proto.domain}"`,
      hint: 'Export the model without optimisations for one runtime.',
    });
  };
  const attributeOf = (proto: AttributeProto): Attribute => {
    if (proto.type !== AttributeProto_AttributeType.GRAPH || proto.g === undefined) {
      return decodeAttribute(proto, source);
    }
    const { input, output, node, initializer } = proto.g;
    // Weights of a branch are weights of the model, so they move to the graph around it.
    for (const tensor of initializer) {
      if (initializers.has(tensor.name)) {
        throw malformed(`${source}, attribute "${proto.name}"`, 'names that the graph lacks', tensor.name);
      }
      addInitializer(tensor.name, decodeTensor(tensor, source, readExternal));
    }
    const names = (infos: readonly ValueInfoProto[]) => infos.map(({ name }) => name);
    const value = { inputs: names(input), outputs: names(output), nodes: node.flatMap(read) };
    return { type: 'graph', value };
  };
  const nodes = inlineFunctions(graph.node, model.functions, source).flatMap((proto): readonly Node[] => {
    try {
      return read(proto);
    } catch (error) {
      if (!(error instanceof GspfError) || onRefused === undefined) throw error;
      onRefused(error);
      const opType = qualifiedName(proto);
      return [{ name: proto.name, opType, inputs: proto.input, outputs: proto.output, attributes: {} }];
    }
  });
  // Up to IR version 3 every initializer is listed among the inputs too.
  const inputs = graph.input.filter(({ name }) => !initializers.has(name));
  const given = [...inputs.map(({ name }) => name), ...initializers.keys()];
  return {
    graph: {
      name: graph.name,
      inputs: inputs.map((info) => decodeValueInfo(info, source)),
      outputs: graph.output.map((info) => decodeValueInfo(info, source)),
      initializers,
      nodes: sorted(nodes, given, source),
    },
    opset,
    irVersion: Number(model.irVersion),
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
  };
}

/** The operator with its domain, where that is not ONNX's own: `com.microsoft.FusedMatMul`. */
function qualifiedName({ domain, opType }: NodeProto): string {
  // onnxruntime writes some of its own operators without their domain.
  if (contribWithoutDomain.has(opType)) return `com.microsoft.${opType}`;
  return domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`;
}

const contribWithoutDomain: ReadonlySet<string> = new Set([
  'SimplifiedLayerNormalization',
  'SkipSimplifiedLayerNormalization',
]);

function sorted(nodes: readonly Node[], given: readonly string[], source: string): readonly Node[] {
  try {
    return sortNodes(nodes, given);
  } catch (cause) {
    if (!(cause instanceof GspfError)) throw cause;
    const { subject, ...details } = cause.details;
    throw new GspfError('input/onnx', { ...details, subject: `${source}, ${subject}`, cause });
  }
}

function parse(bytes: Uint8Array, source: string): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw new GspfError('input/onnx', {
      subject: source,
      expected: 'an ONNX model',
      got: 'other bytes',
      cause,
    });
  }
}

function defaultOpset(model: ModelProto, source: string): number {
  const entry = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  const opset = Number(entry?.version ?? 0);
  if (opset >= OLDEST_OPSET && opset <= NEWEST_OPSET) return opset;
  throw new GspfError('input/onnx', {
    subject: source,
    expected: `an opset from ${OLDEST_OPSET} to ${NEWEST_OPSET}`,
    got: `${opset}`,
    hint: `Export it again with opset_version=20, or convert it with onnx.version_converter.`,
  });
}

function decodeValueInfo({ name, type }: ValueInfoProto, source: string): ValueInfo {
  if (type?.value.case !== 'tensorType') {
    throw malformed(`${source}, "${name}"`, 'a tensor', type?.value.case ?? 'no type');
  }
  const { elemType, shape } = type.value.value;
  const dims = (shape?.dim ?? []).map(({ value }, axis): Dim => {
    if (value.case === 'dimValue') return Number(value.value);
    return value.case === 'dimParam' && value.value !== '' ? value.value : `${name}.${axis}`;
  });
  return { name, dtype: elementType(elemType, `${source}, "${name}"`), shape: dims };
}

function decodeAttribute(proto: AttributeProto, source: string): Attribute {
  const text = new TextDecoder();
  switch (proto.type) {
    case AttributeProto_AttributeType.INT:
      return { type: 'int', value: Number(proto.i) };
    case AttributeProto_AttributeType.INTS:
      return { type: 'ints', value: proto.ints.map(Number) };
    case AttributeProto_AttributeType.FLOAT:
      return { type: 'float', value: proto.f };
    case AttributeProto_AttributeType.FLOATS:
      return { type: 'floats', value: proto.floats };
    case AttributeProto_AttributeType.STRING:
      return { type: 'string', value: text.decode(proto.s) };
    case AttributeProto_AttributeType.STRINGS:
      return { type: 'strings', value: proto.strings.map((bytes) => text.decode(bytes)) };
    case AttributeProto_AttributeType.TENSOR:
      if (proto.t !== undefined) return { type: 'tensor', value: decodeTensor(proto.t, source) };
      break;
  }
  const kind = AttributeProto_AttributeType[proto.type] ?? `${proto.type}`;
  throw malformed(`${source}, attribute "${proto.name}"`, 'a number, a string, a tensor or a list', kind);
}

function malformed(subject: string, expected: string, got: string): GspfError {
  return new GspfError('input/onnx', { subject, expected, got });
}
