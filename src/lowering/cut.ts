import type { Graph, StaticGraph, ValueInfo } from '../graph/graph.ts';
import { dependents, presentInputs, producers, prune } from '../graph/topology.ts';
import { type Shape, sizeOf } from '../tensor.ts';
import { productWork } from './flops.ts';

/** How the numbers of one text lie in a value of a batch: `[batch, outer, sequence, inner]`, or without positions. */
export interface TextLayout {
  /** The value's own shape, of which `rows` is batch · sequence. */
  readonly shape: readonly (number | 'rows' | 'batch' | 'sequence')[];
  readonly outer: number;
  readonly inner: number;
  /** Whether it has numbers for each position. */
  readonly perPosition: boolean;
}

/** A value that is computed below a cut and read above it. */
export interface CrossingValue {
  readonly name: string;
  readonly layout: TextLayout;
}

/** What decides where a graph is cut. */
export interface CutOptions {
  /** Graph inputs that hold weights. */
  readonly weights: ReadonlySet<string>;
  /** The weights that may change: everything that depends on one is above the cut. */
  readonly trained: ReadonlySet<string>;
  /** Graph inputs that tell one text from another; what depends on other inputs than these is above the cut too. */
  readonly texts: ReadonlySet<string>;
  /** The graph for so many texts of so many positions. */
  readonly graphOf: (batch: number, sequence: number) => StaticGraph;
}

/** Operators that give their input another form, which is cheaper made again than kept. */
export const views: ReadonlySet<string> = new Set([
  'Cast',
  'Flatten',
  'Identity',
  'Reshape',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
]);

/**
 * The values to keep of each text so that nothing below the lowest trained weight has to be computed twice.
 *
 * Only what depends on both a text and a frozen weight is worth keeping; the rest (masks, positions) is computed again
 * from the inputs, and so is a value that one node makes from others which are kept, or that does not come apart by texts
 * and positions, as attention's probabilities.
 *
 * @returns undefined where no matrix product lies below the cut
 */
export function findCut({
  weights,
  trained,
  texts,
  graphOf,
}: CutOptions): readonly CrossingValue[] | undefined {
  const graph = graphOf(3, 5);
  const { nodes } = graph;
  const inputs = graph.inputs.map(({ name }) => name);
  const late = inputs.filter((name) => trained.has(name) || !(weights.has(name) || texts.has(name)));
  const above = dependents(nodes, late);
  const weighted = dependents(
    nodes,
    inputs.filter((name) => weights.has(name)),
  );
  const textual = dependents(
    nodes,
    inputs.filter((name) => texts.has(name)),
  );
  const makers = producers(nodes);
  const shapeOf = (of: StaticGraph) => (name: string) => of.types.get(name)?.shape ?? [];
  const shapes = [graph, graphOf(7, 5), graphOf(3, 11)].map(shapeOf);
  const layout = (name: string): TextLayout | undefined => layoutOf(shapes.map((shape) => shape(name)));
  const known = new Map<string, readonly string[]>();
  /** The values to keep in order to have this one. */
  const sources = (name: string): readonly string[] => {
    const maker = makers.get(name);
    if (maker === undefined || !weighted.has(name) || !textual.has(name)) return [];
    const isKept = !views.has(maker.opType) && layout(name) !== undefined;
    const found = known.get(name) ?? (isKept ? [name] : [...new Set(presentInputs(maker).flatMap(sources))]);
    known.set(name, found);
    return found;
  };
  const outputs = graph.outputs.map(({ name }) => name);
  const read = nodes
    .filter(({ outputs: made }) => made.some((name) => above.has(name)))
    .flatMap(presentInputs);
  const crossing = new Set([...read, ...outputs].filter((name) => !above.has(name)).flatMap(sources));
  for (const { inputs: operands, outputs: made } of nodes.toReversed()) {
    const needed = new Set(operands.filter((name) => name !== '' && !above.has(name)).flatMap(sources));
    const isMadeAgain = needed.size > 0 && [...needed].every((name) => crossing.has(name));
    if (isMadeAgain) for (const name of made) crossing.delete(name);
  }

  const below = graphBelow(graph, [...crossing]);
  if (!below.nodes.some((node) => productWork(node, shapeOf(graph)) !== undefined)) return undefined;
  return [...crossing].flatMap((name) => {
    const known = layout(name);
    return known === undefined ? [] : [{ name, layout: known }];
  });
}

/** The layout that explains the shapes for 3 × 5, 7 × 5 and 3 × 11 texts × positions. */
function layoutOf([shape = [], moreTexts = [], morePositions = []]: readonly Shape[]):
  | TextLayout
  | undefined {
  const [rows, ...rest] = shape;
  const fixed = (from: number, to?: number): boolean =>
    shape.slice(from, to).every((n, i) => n === moreTexts[from + i] && n === morePositions[from + i]);
  if (rows === 15 && moreTexts[0] === 35 && morePositions[0] === 33 && fixed(1)) {
    return { shape: ['rows', ...rest], outer: 1, inner: sizeOf(rest), perPosition: true };
  }
  if (rows !== 3 || moreTexts[0] !== 7 || morePositions[0] !== 3) return undefined;
  const axis = shape.findIndex((n, i) => n !== morePositions[i]);
  if (axis === -1) {
    const layout = { outer: 1, inner: sizeOf(rest), perPosition: false };
    return fixed(1) ? { shape: ['batch', ...rest], ...layout } : undefined;
  }
  const [between, after] = [shape.slice(1, axis), shape.slice(axis + 1)];
  if (!fixed(1, axis) || shape[axis] !== 5 || morePositions[axis] !== 11 || !fixed(axis + 1))
    return undefined;
  const layout = { outer: sizeOf(between), inner: sizeOf(after), perPosition: true };
  return { shape: ['batch', ...between, 'sequence', ...after], ...layout };
}

/** The shape of a value for a batch. */
export function shapeFor({ shape }: TextLayout, batch: number, sequence: number): Shape {
  const extents = { rows: batch * sequence, batch, sequence };
  return shape.map((dim) => (typeof dim === 'number' ? dim : extents[dim]));
}

/** The part of a graph that makes some of its values: these are its outputs, and it has the inputs that they need. */
export function graphBelow(graph: StaticGraph, values: readonly string[]): StaticGraph {
  return withReadInputs(prune({ ...graph, outputs: valueInfos(graph, values) }));
}

/** The part of a graph that makes its outputs from some of its values, which become inputs. */
export function graphAbove(graph: StaticGraph, values: readonly string[]): StaticGraph {
  const given = new Set(values);
  const nodes = graph.nodes.filter(({ outputs }) => !outputs.some((name) => given.has(name)));
  return withReadInputs(prune({ ...graph, inputs: [...graph.inputs, ...valueInfos(graph, values)], nodes }));
}

/** The values as inputs or outputs. */
export function valueInfos({ types }: StaticGraph, values: readonly string[]): ValueInfo[] {
  return values.flatMap((name) => {
    const type = types.get(name);
    return type === undefined ? [] : [{ name, dtype: type.dtype, shape: type.shape }];
  });
}

/** The graph without inputs that nothing reads. */
export function withReadInputs<G extends Graph>(graph: G): G {
  const read = new Set([...graph.nodes.flatMap(presentInputs), ...graph.outputs.map(({ name }) => name)]);
  return { ...graph, inputs: graph.inputs.filter(({ name }) => read.has(name)) };
}
