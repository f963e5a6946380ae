import { GspfError } from '../errors.ts';
import { floatAttribute, intAttribute } from '../graph/attributes.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { elementTypeNumber } from '../graph/element-types.ts';
import { describeNode, float, type Graph, int, type Node, type ValueInfo } from '../graph/graph.ts';
import { float32 } from '../tensor.ts';

const isFrozen = (node: Node): boolean =>
  node.opType === 'BatchNormalization' && intAttribute(node, 'training_mode', 0) === 0;

/**
 * Names of the float32 initializers that batch normalisations have as running means and variances, each for one node
 * alone, in the order of the nodes.
 */
export function runningStatistics({ nodes, initializers }: Graph): readonly string[] {
  const uses = new Map<string, number>();
  for (const name of nodes.flatMap(({ inputs }) => inputs)) uses.set(name, (uses.get(name) ?? 0) + 1);
  return nodes
    .filter(isFrozen)
    .flatMap(({ inputs }) => inputs.slice(3, 5))
    .filter((name) => uses.get(name) === 1 && initializers.get(name)?.dtype === 'float32');
}

/** The output with what a running statistic has moved to. */
export const movedName = (statistic: string): string => `moved/${statistic}`;

/**
 * The same graph with its batch normalisations as torch.nn.BatchNorm has them in training: they normalise by mean and
 * variance of the batch, and what their running statistics move to are outputs, {@link movedName}.
 *
 * A batch of one number for each channel has no variance, and moves nothing.
 *
 * @param graph With the running statistics, float32 `[channels]`, as inputs.
 * @param statistics Their names.
 * @throws `usage/option` for a graph without batch normalisations, and for one whose statistics are not its own.
 */
export function normalizedByBatch(graph: Graph, statistics: ReadonlySet<string>): Graph {
  const frozen = graph.nodes.filter(isFrozen);
  if (frozen.length === 0) {
    throw new GspfError('usage/option', {
      subject: 'bn.train',
      expected: 'a model with BatchNormalization nodes',
      got: 'none',
      hint: 'Exporters fold them into the convolutions before them; torch.onnx.export(…, dynamo=False, training=torch.onnx.TrainingMode.PRESERVE) keeps them.',
    });
  }
  const shared = frozen.find(({ inputs }) => !inputs.slice(3, 5).every((name) => statistics.has(name)));
  if (shared !== undefined) {
    throw new GspfError('usage/option', {
      subject: `bn.train: ${describeNode(shared)}`,
      expected: 'running statistics of its own, as tensors of the file',
      got: shared.inputs.slice(3, 5).join(', '),
    });
  }
  const nodes = graph.nodes.flatMap((node) => (isFrozen(node) ? inTraining(node) : [node]));
  const builder = new GraphBuilder({ ...graph, nodes });
  const moved = frozen.flatMap((node) => move(builder, node, graph));
  return builder.build(graph.name, [...graph.outputs, ...moved]);
}

const ofBatch = (statistic: string): string => `${statistic}/batch`;

/**
 * With a momentum of 0 the running outputs are the batch's own mean and variance, whatever the running inputs are.
 * onnxruntime writes the former over the latter, so it is given values that nobody else reads.
 */
function inTraining(node: Node): readonly Node[] {
  const [y = ''] = node.outputs;
  const running = node.inputs.slice(3, 5);
  const overwritten = (statistic: string): string => `${statistic}/overwritten`;
  return [
    ...running.map((statistic): Node => {
      const output = overwritten(statistic);
      return { name: output, opType: 'Neg', inputs: [statistic], outputs: [output], attributes: {} };
    }),
    {
      ...node,
      inputs: [...node.inputs.slice(0, 3), ...running.map(overwritten)],
      outputs: [y, ...running.map(ofBatch)],
      attributes: { ...node.attributes, training_mode: int(1), momentum: float(0) },
    },
  ];
}

// m ← m + r(mean − m), v ← v + r(n/(n − 1)·variance − v): PyTorch's running variance is that of a sample.
// n = numbers of the batch for each channel, r = 1 − momentum, or 0 where n is 1.
function move(builder: GraphBuilder, node: Node, graph: Graph): readonly ValueInfo[] {
  const [x = '', , , mean = '', variance = ''] = node.inputs;
  const rate = 1 - floatAttribute(node, 'momentum', 0.9);
  const constant = (label: string, value: number): string =>
    builder.initializer(`${mean}/${label}`, float32([], [value]));
  const one = constant('one', 1);
  const toFloat = { to: int(elementTypeNumber('float32')) };
  const count = (of: string): string => builder.op('Cast', [builder.op('Size', [of])], toFloat);
  const n = builder.op('Div', [count(x), count(mean)]);
  const others = builder.op('Sub', [n, one]);
  const share = builder.op('Mul', [builder.op('Min', [others, one]), constant('rate', rate)]);
  const unbiased = builder.op('Div', [n, builder.op('Max', [others, one])]);
  const sample = builder.op('Mul', [ofBatch(variance), unbiased]);
  return [
    [mean, ofBatch(mean)],
    [variance, sample],
  ].map(([running = '', batch = '']) => {
    const way = builder.op('Mul', [builder.op('Sub', [batch, running]), share]);
    builder.op('Add', [running, way], {}, movedName(running));
    const shape = graph.inputs.find(({ name }) => name === running)?.shape ?? [];
    return { name: movedName(running), dtype: 'float32', shape };
  });
}
