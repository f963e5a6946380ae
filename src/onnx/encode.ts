import { create, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { elementTypeNumber } from '../graph/element-types.ts';
import { type Attribute, type Graph, type Node, OPSET, type ValueInfo } from '../graph/graph.ts';
import { toInt64 } from '../tensor.ts';
import { encodeTensor } from './tensor-proto.ts';

/** The IR version that came with opset 20 (ONNX 1.15). */
const IR_VERSION = 9n;

/** A graph as the bytes of an ONNX model that stock onnxruntime loads. Same graph, same bytes. */
export function encodeModel(graph: Graph): Uint8Array {
  const unused = freshNames();
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: 'gspf',
    opsetImport: opsets(graph.nodes),
    graph: {
      name: graph.name,
      input: graph.inputs.map(encodeValueInfo),
      output: graph.outputs.map(encodeValueInfo),
      initializer: [...graph.initializers].map(([name, tensor]) => encodeTensor(name, tensor)),
      node: graph.nodes.map((node) => encodeNode({ ...node, name: unused(node.name) })),
    },
  });
  return toBinary(ModelProtoSchema, model);
}

/** ONNX's own operators, and version 1 of each other domain. */
function opsets(nodes: readonly Node[]) {
  const domains = new Set(nodes.map(({ opType }) => splitDomain(opType).domain));
  domains.delete('');
  return [{ domain: '', version: BigInt(OPSET) }, ...[...domains].map((domain) => ({ domain, version: 1n }))];
}

/** `com.microsoft.Gelu` is the operator Gelu of the domain com.microsoft. */
function splitDomain(name: string): { domain: string; opType: string } {
  const at = name.lastIndexOf('.');
  return { domain: name.slice(0, Math.max(at, 0)), opType: name.slice(at + 1) };
}

function encodeNode({ name, opType, inputs, outputs, attributes }: Node): NodeProto {
  return create(NodeProtoSchema, {
    name,
    ...splitDomain(opType),
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([key, value]) => encodeAttribute(key, value)),
  });
}

/** Gives each node a name of its own: two may have come together from different graphs, and onnxruntime wants one each. */
function freshNames(): (name: string) => string {
  const taken = new Set<string>();
  return (name) => {
    let fresh = name;
    for (let i = 1; fresh !== '' && taken.has(fresh); i++) fresh = `${name}#${i}`;
    taken.add(fresh);
    return fresh;
  };
}

function encodeValueInfo({ name, dtype, shape }: ValueInfo): ValueInfoProto {
  const dim = shape.map((extent) => ({
    value:
      typeof extent === 'number'
        ? { case: 'dimValue' as const, value: BigInt(extent) }
        : { case: 'dimParam' as const, value: extent },
  }));
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: elementTypeNumber(dtype), shape: { dim } } } },
  });
}

function encodeAttribute(name: string, attribute: Attribute): AttributeProto {
  const text = new TextEncoder();
  const fields = (): Partial<
    Pick<AttributeProto, 'i' | 'ints' | 'f' | 'floats' | 's' | 'strings' | 't' | 'g'>
  > => {
    switch (attribute.type) {
      case 'int':
        return { i: toInt64(attribute.value) };
      case 'ints':
        return { ints: attribute.value.map(toInt64) };
      case 'float':
        return { f: attribute.value };
      case 'floats':
        return { floats: [...attribute.value] };
      case 'string':
        return { s: text.encode(attribute.value) };
      case 'strings':
        return { strings: attribute.value.map((value) => text.encode(value)) };
      case 'tensor':
        return { t: encodeTensor('', attribute.value) };
      case 'graph': {
        const { inputs, outputs, nodes } = attribute.value;
        const named = (name: string) => ({ name });
        return {
          g: create(GraphProtoSchema, {
            name,
            input: inputs.map(named),
            output: outputs.map(named),
            node: nodes.map(encodeNode),
          }),
        };
      }
    }
  };
  return create(AttributeProtoSchema, { name, type: attributeTypes[attribute.type], ...fields() });
}

const attributeTypes: { readonly [T in Attribute['type']]: AttributeProto_AttributeType } = {
  int: AttributeProto_AttributeType.INT,
  ints: AttributeProto_AttributeType.INTS,
  float: AttributeProto_AttributeType.FLOAT,
  floats: AttributeProto_AttributeType.FLOATS,
  string: AttributeProto_AttributeType.STRING,
  strings: AttributeProto_AttributeType.STRINGS,
  tensor: AttributeProto_AttributeType.TENSOR,
  graph: AttributeProto_AttributeType.GRAPH,
};
