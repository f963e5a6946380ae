import type { Graph, Node } from '../graph/graph.ts';
import { producers, withInnerNodes } from '../graph/topology.ts';

/** A place where a node reads a value. */
export interface Use {
  readonly node: Node;
  readonly index: number;
}

/** How the values of a graph are made and read. */
export interface Wiring {
  /** Where a value is read in the end: behind transposes, reshapes and the like. */
  readonly uses: (name: string) => readonly Use[];
  /** The node that makes a value; undefined for graph inputs and initializers. */
  readonly maker: (name: string) => Node | undefined;
  readonly isInput: (name: string) => boolean;
  readonly isInitializer: (name: string) => boolean;
}

/** Operators that give their first input's elements in another layout. */
const layoutOperators: ReadonlySet<string> = new Set([
  'Cast',
  'DequantizeLinear',
  'Expand',
  'Flatten',
  'Identity',
  'Reshape',
  'Slice',
  'Split',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
]);

export function wiringOf(graph: Graph): Wiring {
  const nodes = withInnerNodes(graph.nodes);
  const direct = new Map<string, Use[]>();
  for (const node of nodes) {
    node.inputs.forEach((name, index) => {
      const uses = direct.get(name);
      if (uses === undefined) direct.set(name, [{ node, index }]);
      else uses.push({ node, index });
    });
  }
  const uses = (name: string): readonly Use[] =>
    (direct.get(name) ?? []).flatMap((use) =>
      use.index === 0 && layoutOperators.has(use.node.opType) ? use.node.outputs.flatMap(uses) : [use],
    );
  const makers = producers(nodes);
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  return {
    uses,
    maker: (name) => makers.get(name),
    isInput: (name) => inputs.has(name),
    isInitializer: (name) => graph.initializers.has(name),
  };
}
