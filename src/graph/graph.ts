import type { DType, Tensor, TensorType } from '../tensor.ts';

/** Every graph in memory is of this opset; `onnx/upgrade.ts` brings older files up to it. */
export const OPSET = 20;

/** An extent: a number, or a name that `specialize` binds to one. */
export type Dim = number | string;

/** A graph input or output as declared: its extents may still be named. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** An attribute with its ONNX type: 1 and 1.0 are different attributes. */
export type Attribute =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Body };

export type Attributes = Readonly<Record<string, Attribute>>;

/**
 * A branch of an If, or what a Loop or Scan repeats. Its nodes also see the values of the graph around it; its
 * initializers have been moved there.
 */
export interface Body {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly Node[];
}

/** One application of an operator. A missing optional input or output is the empty name, as in ONNX. */
export interface Node {
  readonly name: string;
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/**
 * An immutable dataflow graph in single-assignment form, nodes in an order in which each can be computed.
 *
 * A value is named by the graph input, initializer or node output that makes it, exactly one of them.
 */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly nodes: readonly Node[];
}

/** A graph whose every extent is a number and every value's type is known. */
export interface StaticGraph extends Graph {
  readonly types: ReadonlyMap<string, TensorType>;
}

export const int = (value: number): Attribute => ({ type: 'int', value });
export const ints = (value: readonly number[]): Attribute => ({ type: 'ints', value });
export const float = (value: number): Attribute => ({ type: 'float', value });
export const string = (value: string): Attribute => ({ type: 'string', value });

/** `LayerNormalization "/encoder/0/ln"`, for messages. */
export function describeNode(node: Node): string {
  const name = node.name === '' ? (node.outputs[0] ?? '') : node.name;
  return `${node.opType} "${name}"`;
}
