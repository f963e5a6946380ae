import { GspfError, suggest } from '../errors.ts';
import { describeNode, type Node, type StaticGraph } from '../graph/graph.ts';
import { prune } from '../graph/topology.ts';
import { elementsOf } from '../lowering/elements.ts';
import { type SparseWays, typicalCosts, waysByCost } from '../lowering/sparse-costs.ts';
import { sparseGradientRules } from '../lowering/sparse-gradients.ts';
import type { ExpandRule, GradientContext, GradientRule, Value } from '../ops/definition.ts';
import { definitionOf, isOpType } from '../ops/table.ts';
import { writeExpanded } from '../specialize/expand.ts';
import { GraphWriter } from '../specialize/graph-writer.ts';
import { Scope } from '../specialize/scope.ts';
import { int64, isFloat, type Shape, sizeOf, type TensorType } from '../tensor.ts';
import { BackwardBuilder } from './backward-builder.ts';

export interface DifferentiateOptions {
  /** The output to differentiate: a scalar. */
  readonly loss: string;
  /** The graph inputs and initializers to differentiate with respect to. */
  readonly wrt: readonly string[];
  /**
   * For some of `wrt`, the only elements whose gradient is wanted: flat row-major indices, ascending. Their
   * gradient has the shape `[k]` of the indices.
   */
  readonly elements?: ReadonlyMap<string, Int32Array> | undefined;
  /**
   * Those of `wrt` that are tables of which only Gather reads, along axis 0 (`gatheredTables`): their gradient is left
   * as it comes, a row for each place that reads one, `[places, …]`. Adding up the rows of one number is the caller's.
   */
  readonly rows?: ReadonlySet<string> | undefined;
  /** How their gradients are computed: by default the ways that are cheapest by `typicalCosts`. */
  readonly ways?: SparseWays | undefined;
}

const typicalWays = waysByCost(typicalCosts);

const GRADIENT = 'grad/';

/** The name of the output that holds the gradient with respect to `name`. */
export const gradientName = (name: string): string => `${GRADIENT}${name}`;

/** Whether an output of a training graph has such a name. */
export const isGradientName = (output: string): boolean => output.startsWith(GRADIENT);

/**
 * The training graph of a forward graph: the same outputs, and one output `grad/<name>` of the name's own shape
 * for each name in `wrt`, by reverse-mode differentiation. Every node is a stock ONNX operator.
 *
 * A backward node is emitted only where it lies between the loss and one of `wrt`. A name that the loss does not
 * depend on, or only through operators without a derivative, has a gradient of zeros.
 *
 * @throws `graph/not-differentiable` where one of `wrt` is no float tensor; `graph/shape` where the loss is no
 *   scalar; `graph/invalid` for an unknown name.
 */
export function differentiate(
  graph: StaticGraph,
  { loss, wrt, elements = new Map(), rows = new Set(), ways = typicalWays }: DifferentiateOptions,
): StaticGraph {
  const { dtype, shape } = typeOf(graph, loss);
  if (sizeOf(shape) !== 1) {
    throw new GspfError('graph/shape', {
      subject: `loss "${loss}"`,
      expected: 'a scalar',
      got: `shape [${shape}]`,
    });
  }
  return reverse(graph, wrt, { elements, rows, ways }, (builder) => [
    [loss, builder.filled(shape, dtype, 1)],
  ]);
}

export interface VectorJacobianOptions {
  /** The float outputs that get a cotangent. */
  readonly outputs: readonly string[];
  /** The graph inputs and initializers to differentiate with respect to. */
  readonly wrt: readonly string[];
}

/** The name of the graph input that takes the cotangent of an output. */
export const cotangentName = (output: string): string => `cotangent/${output}`;

/**
 * The graph that computes vector–Jacobian products: one more input `cotangent/<output>` for each of `outputs`, and
 * one output `grad/<name>` for each of `wrt`, the gradient of Σ Σ(output · cotangent).
 *
 * @throws as {@link differentiate}.
 */
export function vectorJacobianProduct(
  graph: StaticGraph,
  { outputs, wrt }: VectorJacobianOptions,
): StaticGraph {
  const cotangents = outputs.map((output) => ({ name: cotangentName(output), ...typeOf(graph, output) }));
  const types = new Map(graph.types);
  for (const { name, dtype, shape } of cotangents) types.set(name, { dtype, shape });
  const extended = { ...graph, inputs: [...graph.inputs, ...cotangents], types };
  const forms: Forms = { elements: new Map(), rows: new Set(), ways: typicalWays };
  return reverse(extended, wrt, forms, (builder) =>
    outputs.map((output) => [output, builder.value(cotangentName(output))]),
  );
}

/** The targets whose gradient is not wanted whole. */
interface Forms {
  readonly elements: ReadonlyMap<string, Int32Array>;
  readonly rows: ReadonlySet<string>;
  readonly ways: SparseWays;
}

/** Walks the graph backward from the values that `seed` gives a cotangent. */
function reverse(
  given: StaticGraph,
  wrt: readonly string[],
  { elements, rows, ways }: Forms,
  seed: (builder: BackwardBuilder) => readonly (readonly [string, Value])[],
): StaticGraph {
  const targets = new Set(wrt);
  for (const name of targets) {
    const { dtype } = typeOf(given, name);
    if (!isFloat(dtype)) {
      throw new GspfError('graph/not-differentiable', {
        subject: `"${name}"`,
        expected: 'a float tensor',
        got: dtype,
      });
    }
  }

  const { graph, active } = withoutComposites(given, targets);
  const builder = new BackwardBuilder(graph, targets);
  const cotangents = new Cotangents(builder);
  for (const [name, cotangent] of seed(builder)) cotangents.add(builder.value(name), cotangent);

  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => cotangents.has(output))) continue;
    const { gradients } = definitionOf(node);
    node.inputs.forEach((name, index) => {
      const rule = gradients[Math.min(index, gradients.length - 1)] ?? null;
      if (rule === null || rule === 'expand' || !active.has(name)) return;
      const context = gradientContext(node, index, builder, cotangents);
      const wanted = elements.get(name);
      if (rows.has(name)) cotangents.add(context.x, gatheredRows(context));
      else if (wanted !== undefined)
        cotangents.add(context.x, gradientElements(rule, context, wanted, ways, builder));
      else cotangents.add(context.x, unbroadcast(rule(context), context.x.shape, builder));
    });
  }

  const outputs = new Map(graph.outputs.map(({ name }) => [name, builder.value(name)]));
  for (const name of wrt) {
    const { shape, dtype } = builder.value(name);
    const wanted = elements.get(name);
    const gradientShape = wanted === undefined ? shape : [wanted.length];
    outputs.set(gradientName(name), cotangents.total(name) ?? builder.filled(gradientShape, dtype, 0));
  }
  return prune(builder.finish(graph, outputs));
}

/** The graph with every node expanded whose gradient is wanted and is that of its expansion. */
function withoutComposites(graph: StaticGraph, targets: ReadonlySet<string>) {
  const active = activeValues(graph, targets);
  const ruleOf = (node: Node): ExpandRule | undefined => {
    const { gradients, expand } = definitionOf(node);
    const isWanted = node.inputs.some(
      (name, i) => active.has(name) && gradients[Math.min(i, gradients.length - 1)] === 'expand',
    );
    return isWanted ? expand : undefined;
  };
  if (!graph.nodes.some((node) => ruleOf(node) !== undefined)) return { graph, active };
  const scope = new Scope(targets, graph);
  const writer = new GraphWriter(scope, 'expanded');
  const names = graph.outputs.map(({ name }) => name);
  writeExpanded(writer, graph.nodes, names, ruleOf);
  const { types, initializers } = scope;
  const expanded = { ...graph, nodes: writer.nodes, initializers, types };
  return { graph: expanded, active: activeValues(expanded, targets) };
}

/**
 * The values through which a change of a target can reach others: only these need a cotangent. Integers are among them
 * where a node that rounds has made them, and in what becomes of those.
 */
function activeValues(graph: StaticGraph, targets: ReadonlySet<string>): ReadonlySet<string> {
  const active = new Set(targets);
  for (const node of graph.nodes) {
    const { gradients, straightThrough = false } = definitionOf(node);
    const passing = node.inputs.filter(
      (name, i) => active.has(name) && gradients[Math.min(i, gradients.length - 1)] !== null,
    );
    if (passing.length === 0) continue;
    const isReal = (name: string): boolean => isFloat(graph.types.get(name)?.dtype ?? 'bool');
    const rounded = straightThrough || passing.some((name) => !isReal(name));
    for (const output of node.outputs) {
      if (output !== '' && (rounded || isReal(output))) active.add(output);
    }
  }
  return active;
}

/** The cotangent of what Gather read of a table, a row for each place. */
function gatheredRows({ g, input, reshape, x }: GradientContext): Value {
  return reshape(g, [sizeOf(input(1).shape), ...x.shape.slice(1)]);
}

/** The gradient at some elements: by the operator's sparse rule, else taken from the dense gradient. */
function gradientElements(
  rule: GradientRule,
  context: GradientContext,
  wanted: Int32Array,
  ways: SparseWays,
  builder: BackwardBuilder,
): Value {
  const opType = context.node.opType;
  const sparse = isOpType(opType) ? sparseGradientRules[opType] : undefined;
  const gradient = sparse?.input === context.index ? sparse.rule(context, wanted, ways) : undefined;
  return gradient ?? elementsOf(builder, unbroadcast(rule(context), context.x.shape, builder), wanted);
}

function gradientContext(
  node: Node,
  index: number,
  builder: BackwardBuilder,
  cotangents: Cotangents,
): GradientContext {
  const output = (i: number): Value => builder.outputOf(node, i);
  const input = (i: number): Value => {
    const name = node.inputs[i];
    if (name !== undefined && name !== '') return builder.value(name);
    throw new GspfError('graph/invalid', {
      subject: describeNode(node),
      expected: `input ${i}`,
      got: 'none',
    });
  };
  const x = input(index);
  return {
    node,
    index,
    x,
    // A node is reached through any of its outputs; a rule that reads `g` has one output only.
    get g() {
      const { name, shape, dtype } = output(0);
      return cotangents.total(name) ?? builder.filled(shape, dtype, 0);
    },
    input,
    output,
    nanOf: builder.nanOf,
    cotangent: (i) => cotangents.total(node.outputs[i] ?? ''),
    op: builder.op,
    constant: builder.constant,
    reshape: builder.reshape,
    zeros: (shape) => builder.filled(shape, isFloat(x.dtype) ? x.dtype : 'float32', 0),
    known: builder.known,
  };
}

/** The sum of a cotangent over the axes along which broadcasting had repeated the input. */
function unbroadcast(g: Value, shape: Shape, { op, constant, reshape }: BackwardBuilder): Value {
  const lead = g.shape.length - shape.length;
  const repeated = g.shape.flatMap((extent, axis) =>
    axis < lead || (shape[axis - lead] === 1 && extent !== 1) ? [axis] : [],
  );
  const axes = constant(int64([repeated.length], repeated));
  const summed = repeated.length === 0 ? g : op('ReduceSum', [g, axes]);
  return reshape(summed, shape);
}

/** What has reached each value from the loss so far. A value that several nodes read gets the sum. */
class Cotangents {
  readonly #parts = new Map<string, Value[]>();
  readonly #builder: BackwardBuilder;

  constructor(builder: BackwardBuilder) {
    this.#builder = builder;
  }

  has(name: string): boolean {
    return this.#parts.has(name);
  }

  add({ name }: Value, part: Value): void {
    const parts = this.#parts.get(name);
    if (parts === undefined) this.#parts.set(name, [part]);
    else parts.push(part);
  }

  total(name: string): Value | undefined {
    const parts = this.#parts.get(name);
    const [first, ...rest] = parts ?? [];
    if (first === undefined) return undefined;
    const sum = rest.reduce((total, part) => this.#builder.op('Add', [total, part]), first);
    this.#parts.set(name, [sum]);
    return sum;
  }
}

function typeOf(graph: StaticGraph, name: string): TensorType {
  const type = graph.types.get(name);
  if (type !== undefined) return { dtype: type.dtype, shape: type.shape };
  throw new GspfError('graph/invalid', {
    subject: `"${name}"`,
    expected: 'the name of a graph input, initializer or value',
    got: 'none of that name',
    hint: suggest(name, [...graph.types.keys()].slice(0, 5000)),
  });
}
