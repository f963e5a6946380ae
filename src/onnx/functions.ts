import { clone, create } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  type NodeProto,
  NodeProtoSchema,
} from 'onnx-buf';
import { GspfError } from '../errors.ts';

/** Calls within calls that are followed: a model may not call itself. */
const DEPTH_LIMIT = 64;

/** Nodes that calls may come to: a few functions, each of which calls the one before twice, make any number. */
const NODE_LIMIT = 1_000_000;

/**
 * The nodes with every call of a local function replaced by the function's nodes, under names of their own.
 *
 * @throws `input/onnx` for functions that call each other without end, or come to more nodes than any model has.
 */
export function inlineFunctions(
  nodes: readonly NodeProto[],
  functions: readonly FunctionProto[],
  source: string,
): readonly NodeProto[] {
  if (functions.length === 0) return nodes;
  const byName = new Map(functions.map((f) => [`${f.domain}:${f.name}`, f]));
  let calls = 0;
  let written = 0;
  const inline = (node: NodeProto, depth: number): readonly NodeProto[] => {
    const called = byName.get(`${node.domain}:${node.opType}`);
    if (called === undefined) return [withBodies(node, (inner) => inner.flatMap((n) => inline(n, depth)))];
    const refuse = (expected: string): never => {
      const subject = `${source}, function "${called.name}"`;
      throw new GspfError('input/onnx', { subject, expected, got: 'more' });
    };
    if (depth >= DEPTH_LIMIT) refuse(`calls at most ${DEPTH_LIMIT} deep`);
    written += called.node.length;
    if (written > NODE_LIMIT) refuse(`calls that come to at most ${NODE_LIMIT} nodes`);
    const names = new Map<string, string>([['', '']]);
    called.input.forEach((name, i) => {
      names.set(name, node.input[i] ?? '');
    });
    called.output.forEach((name, i) => {
      const outer = node.output[i] ?? '';
      if (outer !== '') names.set(name, outer);
    });
    const prefix = `${node.name || called.name}/${calls++}/`;
    const rename = (name: string): string => names.get(name) ?? `${prefix}${name}`;
    return called.node.flatMap((inner) => inline(instance(inner, rename, called, node), depth + 1));
  };
  return nodes.flatMap((node) => inline(node, 0));
}

/** A node of a function as it stands in one call: its values renamed, its attributes filled in. */
function instance(
  node: NodeProto,
  rename: (name: string) => string,
  called: FunctionProto,
  call: NodeProto,
): NodeProto {
  const attribute = node.attribute.flatMap((own): AttributeProto[] => {
    if (own.refAttrName === '') return [own];
    const same = ({ name }: AttributeProto): boolean => name === own.refAttrName;
    const given = call.attribute.find(same) ?? called.attributeProto.find(same);
    return given === undefined ? [] : [{ ...clone(AttributeProtoSchema, given), name: own.name }];
  });
  const renamed = create(NodeProtoSchema, {
    ...node,
    name: rename(node.name),
    input: node.input.map(rename),
    output: node.output.map(rename),
    attribute,
  });
  return withBodies(renamed, (inner) => inner.map((n) => instance(n, rename, called, call)), rename);
}

/** A node whose bodies have other nodes, and other names of their inputs and outputs. */
function withBodies(
  node: NodeProto,
  change: (nodes: readonly NodeProto[]) => readonly NodeProto[],
  rename: (name: string) => string = (name) => name,
): NodeProto {
  if (node.attribute.every(({ g }) => g === undefined)) return node;
  const attribute = node.attribute.map((own) => {
    if (own.g === undefined) return own;
    const named = <T extends { name: string }>(infos: readonly T[]): T[] =>
      infos.map((info) => ({ ...info, name: rename(info.name) }));
    const { g } = own;
    return {
      ...own,
      g: {
        ...g,
        input: named(g.input),
        output: named(g.output),
        initializer: named(g.initializer),
        node: [...change(g.node)],
      },
    };
  });
  return { ...node, attribute };
}
