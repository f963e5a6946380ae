import { floatAttribute, intAttribute } from '../graph/attributes.ts';
import { elementTypeNumber } from '../graph/element-types.ts';
import { float, int, ints, type Node, type StaticGraph } from '../graph/graph.ts';
import { dependents } from '../graph/topology.ts';
import type { Value } from '../ops/definition.ts';
import type { EightBitWeight, EightBitWeights, Lines, NamedTensor } from '../quantize/eight-bit-weights.ts';
import { LARGEST as LARGEST_WEIGHT } from '../quantize/rows.ts';
import { GraphWriter } from '../specialize/graph-writer.ts';
import { Scope } from '../specialize/scope.ts';
import { int64, sizeOf, type Tensor } from '../tensor.ts';
import { withReadInputs } from './cut.ts';

/** The largest magnitude of an activation's number, and what is added so that it fits into uint8. */
const LARGEST = 127;
const ZERO_POINT = 128;

/** Stands in for the largest magnitude of a row of zeros: nothing is divided by 0. */
const LEAST = 1e-30;

/** Which products of a graph are meant: of all, if nothing is said. */
interface RewriteOptions {
  /** Only those after the node that makes this value. */
  readonly after?: string | undefined;
  /** Only those before the node that makes this value. */
  readonly before?: string | undefined;
  /** Only those of at least so many rows. */
  readonly leastRows?: number | undefined;
  /** Only those of values for which this holds. */
  readonly ofValues?: ((x: string) => boolean) | undefined;
}

/** y = α·x·W + β·b, with a weight of which little is trained. */
interface FrozenProduct {
  /** `[…, in]` */
  readonly x: string;
  /** The weight: `[in, out]`, or `[out, in]` where that is transposed. */
  readonly w: string;
  readonly isTransposed: boolean;
  readonly weight: EightBitWeight;
  readonly alpha: number;
  /** Empty for none. */
  readonly bias: string;
  readonly beta: number;
  readonly y: string;
}

/**
 * Computes products with frozen weights in 8 bits: what `prefix.precision: int8` and `gradientPrecision: int8` mean.
 *
 * Row by row of the activations and column by column of the weight, x ≈ mᵢ/127 · x₈ with mᵢ = max |xᵢ| and
 * W ≈ sⱼ · W₈, so that (x·W)ᵢⱼ ≈ mᵢ · sⱼ/127 · (x₈·W₈)ᵢⱼ. Sums of integers are exact and each row has a scale of its
 * own, so that no row depends on the rows beside it. Rows of W₈ that are trained are rounded anew in each run; columns of
 * y that are products with trained columns of W are computed in float32 and put in their places.
 *
 * All operators are ONNX's own. Product, Cast and column scales become one MatMulIntegerToFloat on onnxruntime
 * (`withFusedIntegerProducts`), for which a factor must be known (here the 1/127) and the other not: the weights may stay
 * inputs.
 */
export class EightBitProducts {
  readonly #weights: EightBitWeights;
  readonly #trained: ReadonlySet<string>;

  /** @param trained Graph inputs on which nothing may depend that is computed in 8 bits. */
  constructor(weights: EightBitWeights, trained: Iterable<string>) {
    this.#weights = weights;
    this.#trained = new Set(trained);
  }

  /** What rewritten graphs read beside the inputs that they had. */
  get feeds(): ReadonlyMap<string, Tensor> {
    return this.#weights.tensors;
  }

  /** Memory of {@link feeds}. */
  get sizeBytes(): number {
    return this.#weights.sizeBytes;
  }

  /** The graph with 8-bit weights as inputs, in place of those that nothing else reads. Values keep their names. */
  rewrite(graph: StaticGraph, options: RewriteOptions = {}): StaticGraph {
    const { after, before } = options;
    const products = this.productsOf(graph, options);
    const scope = new Scope(new Set(), graph);
    // A graph may be rewritten below what is trained, and then again above it and in its backward pass.
    const part = after === undefined ? '' : `/after ${after}`;
    const writer = new GraphWriter(scope, `int8${part}${before === undefined ? '' : `/before ${before}`}`);
    const inputs = new Map(graph.inputs.map((input) => [input.name, input]));
    const inputOf = ({ name, tensor: { dtype, shape } }: NamedTensor): Value => {
      inputs.set(name, { name, dtype, shape });
      scope.types.set(name, { dtype, shape });
      return writer.value(name);
    };
    for (const node of graph.nodes) {
      const product = products.get(node);
      if (product === undefined) {
        writer.add(node);
        continue;
      }
      const { values, scales } = product.weight;
      write(writer, { ...product, values: inputOf(values), scales: inputOf(scales) });
    }
    const { initializers, types } = scope;
    return withReadInputs({
      ...graph,
      inputs: [...inputs.values()],
      initializers,
      nodes: writer.nodes,
      types,
    });
  }

  /** The nodes that {@link rewrite} computes in 8 bits. */
  productsOf(
    graph: StaticGraph,
    { after, before, leastRows = 0, ofValues = () => true }: RewriteOptions = {},
  ): ReadonlyMap<Node, FrozenProduct> {
    const makerOf = (name: string): number => graph.nodes.findIndex(({ outputs }) => outputs.includes(name));
    const first = after === undefined ? 0 : makerOf(after) + 1;
    const end = before === undefined ? graph.nodes.length : makerOf(before);
    const above = dependents(graph.nodes, this.#trained);
    const isMeant = (node: Node): boolean =>
      rowsOf(graph, node) >= leastRows &&
      ofValues(node.inputs[0] ?? '') &&
      !node.outputs.some((name) => above.has(name));
    return new Map(
      graph.nodes.slice(first, end).flatMap((node) => {
        const product = isMeant(node) ? this.#productOf(node) : undefined;
        return product === undefined ? [] : [[node, product] as const];
      }),
    );
  }

  /** Undefined for a node that is no product of an activation with a weight. */
  #productOf(node: Node): FrozenProduct | undefined {
    const { opType, inputs, outputs } = node;
    const [x = '', w = '', bias = ''] = inputs;
    const [y = ''] = outputs;
    const isGemm = opType === 'Gemm' && intAttribute(node, 'transA', 0) === 0;
    if (!(isGemm || opType === 'MatMul') || this.#weights.has(x)) return undefined;
    const isTransposed = isGemm && intAttribute(node, 'transB', 0) !== 0;
    const weight = this.#weights.get(w, isTransposed ? 'rows' : 'columns');
    if (weight === undefined) return undefined;
    if (!isGemm) return { x, w, isTransposed, weight, alpha: 1, bias: '', beta: 1, y };
    const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)];
    return { x, w, isTransposed, weight, alpha, bias, beta, y };
  }
}

/** A product under way to integers, its weight among the graph's values. */
type Written = FrozenProduct & { readonly values: Value; readonly scales: Value };

/** Writes the nodes that make `y`. What rounds an activation is written once for all the products that read it. */
function write(writer: GraphWriter, product: Written): void {
  const { x, scales, alpha, bias, beta, y } = product;
  const { op, constant, reshape } = writer;
  const { shape } = writer.value(x);
  const [leading, width] = [shape.slice(0, -1), shape.at(-1) ?? 1];
  const rows = reshape(writer.value(x), [sizeOf(leading), width]);
  const ofRows = [rows, constant(int64([1], [1]))];
  const highest = op('ReduceMax', ofRows, { keepdims: int(1) });
  const lowest = op('ReduceMin', ofRows, { keepdims: int(1) });
  const largest = op('Max', [highest, op('Neg', [lowest]), LEAST]);
  const steps = reshape(op('Mul', [largest, 1 / LARGEST]), [sizeOf(leading)]);
  const zeroPoints = writer.filled(steps.shape, 'uint8', ZERO_POINT);
  const rounded = op('QuantizeLinear', [rows, steps, zeroPoints], { axis: int(0) });

  const zeroPoint = constant({ dtype: 'uint8', shape: [], data: Uint8Array.of(ZERO_POINT) });
  const integers = op('MatMulInteger', [rounded, withChanges(writer, product), zeroPoint]);
  const unscaled = op('Cast', [integers], { to: int(elementTypeNumber('float32')) });
  const byColumn = op('Mul', [unscaled, op('Mul', [alpha / LARGEST, scales])]);
  const scaled = withExactColumns(writer, product, rows, op('Mul', [byColumn, largest]));
  const make = (opType: string, inputs: readonly string[]): void =>
    writer.add({ name: y, opType, inputs, outputs: [y], attributes: {} });
  if (bias === '') {
    const whole = [...leading, sizeOf(scales.shape)];
    make('Reshape', [scaled.name, constant(int64([whole.length], whole)).name]);
  } else {
    const added = beta === 1 ? bias : op('Mul', [writer.value(bias), beta]).name;
    make('Add', [scaled.name, added]);
  }
}

/** The product, `[rows, out]`, its columns that are of changing weights computed in float32. */
function withExactColumns(
  writer: GraphWriter,
  { w, isTransposed, weight: { outputs }, alpha }: Written,
  rows: Value,
  product: Value,
): Value {
  if (outputs === undefined) return product;
  const { op, constant } = writer;
  const { numbers } = outputs;
  const exact = op('Gemm', [rows, linesOf(writer, w, outputs)], {
    alpha: float(alpha),
    transB: int(isTransposed ? 1 : 0),
  });
  const places = op('Expand', [
    constant(int64([1, numbers.length], [...numbers])),
    constant(int64([2], exact.shape)),
  ]);
  return op('ScatterElements', [product, places, exact], { axis: int(1) });
}

/** The integers of a weight, with those of its rows that change as they are now: as large as the others at most. */
function withChanges(writer: GraphWriter, { w, isTransposed, values, scales, weight }: Written): Value {
  const { changing } = weight;
  if (changing === undefined) return values;
  const { op, constant } = writer;
  const { numbers } = changing;
  const lines = linesOf(writer, w, changing);
  const rows = isTransposed ? op('Transpose', [lines], { perm: ints([1, 0]) }) : lines;
  // What QuantizeLinear does, which takes 20 ns a number where neighbours have scales of their own.
  const rounded = op('Round', [op('Div', [rows, scales])]);
  const clipped = op('Clip', [rounded, -LARGEST_WEIGHT, LARGEST_WEIGHT]);
  const integers = op('Cast', [clipped], { to: int(elementTypeNumber('int8')) });
  return op('ScatterND', [values, constant(int64([numbers.length, 1], [...numbers])), integers]);
}

/** Rows or columns of a weight. */
function linesOf(writer: GraphWriter, weight: string, { axis, numbers }: Lines): Value {
  const { op, constant } = writer;
  const places = constant({ dtype: 'int32', shape: [numbers.length], data: numbers });
  return op('Gather', [writer.value(weight), places], { axis: int(axis) });
}

/** Of a product's first operand. */
function rowsOf({ types }: StaticGraph, { inputs }: Node): number {
  const shape = types.get(inputs[0] ?? '')?.shape ?? [];
  return sizeOf(shape.slice(0, -1));
}
