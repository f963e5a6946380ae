import { GspfError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import { type Attribute, describeNode, type Node } from './graph.ts';

type AttributeOf<T extends Attribute['type']> = Extract<Attribute, { type: T }>;

function attribute<T extends Attribute['type']>(
  node: Node,
  name: string,
  type: T,
): AttributeOf<T> | undefined {
  const found = node.attributes[name];
  if (found === undefined || isType(found, type)) return found;
  throw new GspfError('graph/invalid', {
    subject: `${describeNode(node)}, attribute "${name}"`,
    expected: type,
    got: found.type,
  });
}

function isType<T extends Attribute['type']>(found: Attribute, type: T): found is AttributeOf<T> {
  return found.type === type;
}

/** An integer attribute, or its default. */
export function intAttribute(node: Node, name: string, fallback: number): number {
  return attribute(node, name, 'int')?.value ?? fallback;
}

/** A float attribute, or its default. */
export function floatAttribute(node: Node, name: string, fallback: number): number {
  return attribute(node, name, 'float')?.value ?? fallback;
}

/** A string attribute, or its default. */
export function stringAttribute(node: Node, name: string, fallback: string): string {
  return attribute(node, name, 'string')?.value ?? fallback;
}

/** A list of integers, or undefined where the node does not give it. */
export function intsAttribute(node: Node, name: string): readonly number[] | undefined {
  return attribute(node, name, 'ints')?.value;
}

/** A tensor attribute, or undefined where the node does not give it. */
export function tensorAttribute(node: Node, name: string): Tensor | undefined {
  return attribute(node, name, 'tensor')?.value;
}
