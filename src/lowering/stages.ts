import type { Node, StaticGraph } from '../graph/graph.ts';
import { presentInputs, producers, prune } from '../graph/topology.ts';
import { valueInfos, views, withReadInputs } from './cut.ts';

/** A graph that runs after others, on what it is fed and what they hand on. */
export interface Stage {
  /** Its outputs are what it makes of those of the whole, and what it hands on. */
  readonly graph: StaticGraph;
  /** Outputs of the whole that are wanted of it; some may have been made, and handed on, by earlier ones. */
  readonly outputs: readonly string[];
}

/**
 * Graphs that run one after another and together give the outputs of one graph: each those of a group, the first all that
 * are in none, too. A node belongs to the first graph that needs it; what later ones read of it is an output there and
 * an input of theirs. Another form of such a value (a Reshape, a Transpose) is made again in place of being handed on.
 *
 * So the gradients of a model, grouped from its top layers down, can be used and forgotten group by group.
 *
 * @param groups Names of outputs.
 * @param changing Inputs that may change once a stage is over, by that stage's number: no later one reads them.
 */
export function stagesOf(
  graph: StaticGraph,
  groups: readonly (readonly string[])[],
  changing: ReadonlyMap<string, number> = new Map(),
): readonly Stage[] {
  const stages = stageByOutput(graph, groups);
  const { nodes } = prune(graph);
  const stageOf = stageByNode(nodes, stages, changing);
  const parts = Array.from({ length: Math.max(1, groups.length) }, (_, stage) => {
    const outputs = [...stages].flatMap(([name, wantedOf]) => (wantedOf === stage ? [name] : []));
    const own = nodes.filter((node) => stageOf.get(node) === stage);
    const made = own.flatMap((node) => node.outputs);
    return { outputs, made, ...withFormsMadeAgain(nodes, own) };
  });
  return parts.map(({ outputs, made, nodes: own, received }, stage) => {
    const later = parts.slice(stage + 1).flatMap((part) => [...part.received, ...part.outputs]);
    const needed = new Set([...outputs, ...later]);
    const given = made.filter((name) => needed.has(name));
    const inputs = [...graph.inputs, ...valueInfos(graph, received)];
    const part = { ...graph, name: `${graph.name}/${stage + 1}`, inputs, nodes: own };
    return { graph: withReadInputs(prune({ ...part, outputs: valueInfos(graph, given) })), outputs };
  });
}

/** The stage that each output is wanted of. */
function stageByOutput(
  { outputs }: StaticGraph,
  groups: readonly (readonly string[])[],
): ReadonlyMap<string, number> {
  const grouped = new Map(groups.flatMap((names, stage) => names.map((name) => [name, stage] as const)));
  return new Map(outputs.map(({ name }) => [name, grouped.get(name) ?? 0]));
}

/** The first stage that needs each node, or the last that may read what it reads. */
function stageByNode(
  nodes: readonly Node[],
  stages: ReadonlyMap<string, number>,
  changing: ReadonlyMap<string, number>,
): ReadonlyMap<Node, number> {
  const never = Number.POSITIVE_INFINITY;
  const lastRead = new Map(changing);
  const lastOf = (node: Node): number =>
    Math.min(never, ...presentInputs(node).map((name) => lastRead.get(name) ?? never));
  for (const node of nodes) {
    // Another form of what changes would be made again of what it has changed to.
    if (views.has(node.opType)) for (const name of node.outputs) lastRead.set(name, lastOf(node));
  }
  const neededIn = new Map(stages);
  const stageOf = new Map<Node, number>();
  for (const node of nodes.toReversed()) {
    const stage = Math.min(lastOf(node), ...node.outputs.map((name) => neededIn.get(name) ?? never));
    stageOf.set(node, stage);
    for (const name of presentInputs(node)) {
      neededIn.set(name, Math.min(stage, neededIn.get(name) ?? never));
    }
  }
  return stageOf;
}

/** Some of the nodes, those that make other forms of what they read besides, and what they read of the others. */
function withFormsMadeAgain(
  nodes: readonly Node[],
  some: readonly Node[],
): { readonly nodes: readonly Node[]; readonly received: readonly string[] } {
  const makers = producers(nodes);
  const own = new Set(some);
  const received = new Set<string>();
  const unseen = some.flatMap(presentInputs);
  for (let name = unseen.pop(); name !== undefined; name = unseen.pop()) {
    const maker = makers.get(name);
    if (maker === undefined || own.has(maker)) continue;
    if (views.has(maker.opType)) {
      own.add(maker);
      unseen.push(...presentInputs(maker));
    } else received.add(name);
  }
  return { nodes: nodes.filter((node) => own.has(node)), received: [...received] };
}
