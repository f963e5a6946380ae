import { intAttribute, intsAttribute } from '../graph/attributes.ts';
import { int, type Node, type StaticGraph } from '../graph/graph.ts';
import { presentInputs, producers } from '../graph/topology.ts';
import { activations } from '../ops/activations.ts';
import { broadcasting } from '../ops/broadcasting.ts';
import { elementwise } from '../ops/elementwise.ts';
import { numbersOf } from '../ops/shapes.ts';
import { int64, type Shape, sizeOf, type Tensor, type TensorType } from '../tensor.ts';
import { distinct } from './elements.ts';
import { productWork } from './flops.ts';
import { typicalCosts } from './sparse-costs.ts';

/** What a product costs in 8 bits, as a share of what it costs in float32. */
const EIGHT_BIT_COST = 1 / 3;

/** Some positions along one axis of a value, ascending and distinct. */
interface Part {
  readonly axis: number;
  readonly positions: readonly number[];
}

/** What is read of a value. */
type Demand = Part | 'whole';

/**
 * The same graph with what a Gather leaves out not computed in the first place, as far up as operators allow.
 *
 * Selected rows of the lowest trained matrix ask for a few columns of the cotangent of its product, and nothing else asks for
 * that cotangent: of the product that makes it, and of the derivative of the activation, only these columns are left.
 *
 * @param isEightBit Whether a product is to be computed in 8 bits if it is left whole; a part of it is not.
 */
export function withNarrowedValues(
  graph: StaticGraph,
  isEightBit: (node: Node) => boolean = () => false,
): StaticGraph {
  const narrowings = worthwhile(narrowingsOf(graph), graph, isEightBit);
  if (narrowings.size === 0) return graph;
  const writer = new NarrowGraph(graph);
  for (const node of graph.nodes) {
    const narrowing = narrowings.get(node);
    if (narrowing === undefined) writer.keep(node);
    else writer.narrow(node, narrowing);
  }
  return { ...graph, ...writer };
}

/** The nodes, constants and types of a graph while some of its values become narrower. */
class NarrowGraph {
  readonly nodes: Node[] = [];
  readonly initializers: Map<string, Tensor>;
  readonly types: Map<string, TensorType>;
  readonly #graph: StaticGraph;
  /** The values that are narrower than they were. */
  readonly #parts = new Map<string, Part>();

  constructor(graph: StaticGraph) {
    this.#graph = graph;
    this.initializers = new Map(graph.initializers);
    this.types = new Map(graph.types);
  }

  /** Adds a node that makes a part of what it made. */
  narrow(node: Node, { part, operands }: Narrowing): void {
    const [output = ''] = node.outputs;
    const shape = this.#setType(output, output, part);
    this.#parts.set(output, part);
    const inputs = node.inputs.map((name, i) =>
      node.opType === 'Reshape' && i === 1
        ? this.#constant('shape', shape)
        : this.#read(name, operands[i] ?? 'whole'),
    );
    this.nodes.push({ ...node, inputs });
  }

  /** Adds a node that makes what it made; a Gather finds what it takes where it is now. */
  keep(node: Node): void {
    const [source = ''] = node.inputs;
    const there = this.#parts.get(source);
    const picked = there && pickedBy(node, this.#graph);
    if (there === undefined || picked === undefined) this.nodes.push(node);
    else if (areSame(there.positions, picked.positions))
      this.nodes.push({ ...node, opType: 'Identity', inputs: [source], attributes: {} });
    else
      this.nodes.push({
        ...node,
        inputs: [source, this.#constant('positions', placesIn(there, picked.positions))],
      });
  }

  /** A value, or what is wanted of it. */
  #read(name: string, wanted: Demand): string {
    const there = this.#parts.get(name);
    const isThere = there !== undefined && wanted !== 'whole' && areSame(there.positions, wanted.positions);
    if (wanted === 'whole' || isThere) return name;
    const output = `${name}/part ${wanted.axis}: ${wanted.positions}`;
    if (this.types.has(output)) return output;
    this.#setType(output, name, wanted);
    const inputs = [name, this.#constant('positions', placesIn(there, wanted.positions))];
    const attributes = { axis: int(wanted.axis) };
    this.nodes.push({ name: output, opType: 'Gather', inputs, outputs: [output], attributes });
    return output;
  }

  #setType(name: string, from: string, part: Part): Shape {
    const { dtype, shape } = this.#graph.types.get(from) ?? { dtype: 'float32', shape: [] };
    const type = { dtype, shape: narrowed(shape, part) };
    this.types.set(name, type);
    return type.shape;
  }

  #constant(kind: string, numbers: readonly number[]): string {
    const name = `narrowed/${kind} ${numbers}`;
    const tensor = int64([numbers.length], numbers);
    this.initializers.set(name, tensor);
    this.types.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    return name;
  }
}

/** A node of which only a part is computed, from these parts of its inputs. */
interface Narrowing {
  readonly part: Part;
  readonly operands: readonly Demand[];
}

/** The nodes that can be narrowed to what the rest of the graph reads of them. */
function narrowingsOf(graph: StaticGraph): ReadonlyMap<Node, Narrowing> {
  const demands = new Map<string, Demand>(graph.outputs.map(({ name }) => [name, 'whole']));
  const demand = (name: string, wanted: Demand): void => {
    demands.set(name, merged(demands.get(name), wanted));
  };
  const makers = producers(graph.nodes);
  /** Whether what a Gather reads may be made in part: those of many elements end here, before they are looked at. */
  const leavesOut = (node: Node): boolean => {
    const [x = '', by = ''] = node.inputs;
    const maker = makers.get(x);
    const axis = intAttribute(node, 'axis', 0);
    const extent = graph.types.get(x)?.shape[axis] ?? 0;
    const isShort = (graph.initializers.get(by)?.data.length ?? extent) < extent;
    return isShort && maker !== undefined && operandsFor(maker, { axis, positions: [] }, graph) !== undefined;
  };
  const result = new Map<Node, Narrowing>();
  for (const node of graph.nodes.toReversed()) {
    const picked = leavesOut(node) ? pickedBy(node, graph) : undefined;
    if (picked !== undefined) {
      demand(node.inputs[0] ?? '', { ...picked, positions: ascending(picked.positions) });
      continue;
    }
    const part = demands.get(node.outputs[0] ?? '') ?? 'whole';
    const operands = isNarrow(part, node, graph) ? operandsFor(node, part, graph) : undefined;
    if (part !== 'whole' && operands !== undefined) {
      result.set(node, { part, operands });
      node.inputs.forEach((name, i) => {
        if (name !== '') demand(name, operands[i] ?? 'whole');
      });
    } else {
      for (const name of presentInputs(node)) demand(name, 'whole');
    }
  }
  return result;
}

/**
 * Those that save more in products than it takes to gather what they read. Nodes that read each other's results are kept or left
 * together.
 */
function worthwhile(
  narrowings: ReadonlyMap<Node, Narrowing>,
  { types }: StaticGraph,
  isEightBit: (node: Node) => boolean,
): ReadonlyMap<Node, Narrowing> {
  const makers = producers(narrowings.keys());
  const shapeOf = (name: string): Shape => types.get(name)?.shape ?? [];
  const balance = (node: Node, { part, operands }: Narrowing): number => {
    const share = part.positions.length / (shapeOf(node.outputs[0] ?? '')[part.axis] ?? 1);
    const whole = isEightBit(node) ? EIGHT_BIT_COST : 1;
    const saved = (whole - share) * (productWork(node, shapeOf)?.operations ?? 0);
    const picked = node.inputs.map((name, i) => {
      const wanted = operands[i] ?? 'whole';
      return wanted === 'whole' || makers.has(name) ? 0 : sizeOf(narrowed(shapeOf(name), wanted));
    });
    return typicalCosts.operation * saved - typicalCosts.pick * picked.reduce((sum, size) => sum + size, 0);
  };
  const result = new Map<Node, Narrowing>();
  for (const group of connected([...narrowings.keys()], makers)) {
    const members = group.flatMap((node) => {
      const narrowing = narrowings.get(node);
      return narrowing === undefined ? [] : [[node, narrowing] as const];
    });
    if (members.reduce((sum, member) => sum + balance(...member), 0) <= 0) continue;
    for (const [node, narrowing] of members) result.set(node, narrowing);
  }
  return result;
}

/** The nodes in groups: those that read what another has made are in the group of that. */
function connected(nodes: readonly Node[], makers: ReadonlyMap<string, Node>): Iterable<readonly Node[]> {
  const groups = new Map(nodes.map((node) => [node, [node]]));
  for (const node of nodes) {
    for (const name of node.inputs) {
      const own = groups.get(node) ?? [];
      const other = groups.get(makers.get(name) ?? node) ?? own;
      if (other === own) continue;
      other.push(...own);
      for (const member of own) groups.set(member, other);
    }
  }
  return new Set(groups.values());
}

/** What a Gather by known positions reads, in its order; undefined for other nodes. */
function pickedBy(node: Node, { initializers, types }: StaticGraph): Part | undefined {
  const [x = '', by = ''] = node.inputs;
  const positions = initializers.get(by);
  if (node.opType !== 'Gather' || positions?.shape.length !== 1) return undefined;
  const axis = intAttribute(node, 'axis', 0);
  const rank = types.get(x)?.shape.length ?? 0;
  const numbers = numbersOf(positions);
  if (axis < 0 || axis >= rank || numbers.length === 0 || numbers.some((n) => n < 0)) return undefined;
  return { axis, positions: numbers };
}

function isNarrow(demand: Demand, node: Node, { types }: StaticGraph): demand is Part {
  if (demand === 'whole' || node.outputs.length !== 1) return false;
  return demand.positions.length < (types.get(node.outputs[0] ?? '')?.shape[demand.axis] ?? 0);
}

/** Operators that compute each number from those at its place, operands being broadcast. */
const byPlace = new Set(Object.keys({ ...elementwise, ...broadcasting, ...activations }));

/** What a node needs of its inputs for a part of its output; undefined where its operator does not come apart so. */
function operandsFor(
  node: Node,
  part: Part,
  { types, initializers }: StaticGraph,
): readonly Demand[] | undefined {
  const shapeOf = (name: string): Shape => types.get(name)?.shape ?? [];
  const shapes = node.inputs.map(shapeOf);
  const output = shapeOf(node.outputs[0] ?? '');
  const along = (axis: number): Part => ({ ...part, axis });
  const broadcast = (shape: Shape): Demand => {
    const axis = part.axis - (output.length - shape.length);
    return axis < 0 || shape[axis] === 1 ? 'whole' : along(axis);
  };
  if (byPlace.has(node.opType)) return shapes.map(broadcast);
  const product = (transA: number, transB: number): readonly Demand[] => {
    const [, , bias = []] = shapes;
    const isRow = part.axis === 0;
    const operands: Demand[] = isRow ? [along(transA), 'whole'] : ['whole', along(1 - transB)];
    return [...operands, broadcast(bias)];
  };
  switch (node.opType) {
    case 'Gemm':
      return product(intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0));
    case 'MatMul':
      return shapes.every(({ length }) => length === 2) ? product(0, 0) : undefined;
    case 'ReduceSum': {
      const [x = []] = shapes;
      const axes = initializers.get(node.inputs[1] ?? '');
      if (axes === undefined) return undefined;
      const summed = new Set(numbersOf(axes).map((axis) => (axis + x.length) % x.length));
      const left = x.flatMap((_, axis) => (summed.has(axis) ? [] : [axis]));
      const axis = intAttribute(node, 'keepdims', 1) === 0 ? left[part.axis] : part.axis;
      return axis === undefined || summed.has(axis) ? undefined : [along(axis), 'whole'];
    }
    case 'Transpose': {
      const perm = intsAttribute(node, 'perm') ?? output.map((_, i) => output.length - 1 - i);
      return [along(perm[part.axis] ?? 0)];
    }
    case 'Reshape': {
      // To the same extents, but for ones.
      const [x = []] = shapes;
      const long = (shape: Shape): number[] => shape.flatMap((extent, axis) => (extent === 1 ? [] : [axis]));
      const [from, to] = [long(x), long(output)];
      const isSame = from.length === to.length && from.every((axis, i) => x[axis] === output[to[i] ?? 0]);
      return isSame ? [along(from[to.indexOf(part.axis)] ?? 0), 'whole'] : undefined;
    }
    default:
      return undefined;
  }
}

function merged(one: Demand | undefined, other: Demand): Demand {
  if (one === undefined) return other;
  if (one === 'whole' || other === 'whole' || one.axis !== other.axis) return 'whole';
  return { ...one, positions: ascending([...one.positions, ...other.positions]) };
}

function ascending(positions: readonly number[]): readonly number[] {
  return Array.from(distinct(Int32Array.from(positions), (position) => position));
}

function areSame(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((position, i) => position === other[i]);
}

/** Where positions of a value lie in a part of it; as they are where all of it is there. */
function placesIn(part: Part | undefined, positions: readonly number[]): readonly number[] {
  if (part === undefined) return positions;
  const places = new Map(part.positions.map((position, i) => [position, i]));
  return positions.map((position) => places.get(position) ?? 0);
}

function narrowed(shape: Shape, { axis, positions }: Part): Shape {
  return shape.map((extent, i) => (i === axis ? positions.length : extent));
}
