import { GspfError } from '../errors.ts';
import type { Dim, Graph } from '../graph/graph.ts';
import type { ArrayNetwork } from '../objectives/network.ts';
import type { GraphOptions } from '../options/options.ts';
import type { Arrays } from '../tasks/arrays.ts';
import type { Shape } from '../tensor.ts';
import { arrayFeatures, inputTensors, withExtents } from './array-inputs.ts';
import { baseGraph, forwardGraph, LOGITS, outputOf } from './forward.ts';
import { type HeadPlan, PROBE, typeOfValue, withHead } from './head.ts';
import type { ImportedGraph } from './import.ts';
import { importedBody } from './network.ts';

/** What an imported graph is to be read as. */
export interface ArrayNetworkOptions extends GraphOptions {
  /** The model's name, for messages. */
  readonly source: string;
  /** The head to put on `headOn`. */
  readonly head: Pick<HeadPlan, 'each' | 'width'> | undefined;
  /** What it is to read, which fixes the extents of its axes; undefined leaves them as the file has them. */
  readonly arrays: Arrays | undefined;
}

/** Text inputs have no part in a graph that reads arrays. */
const NO_SEQUENCES: ReadonlySet<string> = new Set();

/**
 * An imported graph that reads arrays, with its own head or a new one.
 *
 * @throws `usage/option` for names that the graph lacks, `input/data` for arrays that it cannot read, `input/model` for
 *   an output whose first axis is not that of its inputs.
 */
export function importedArrayNetwork(imported: ImportedGraph, options: ArrayNetworkOptions): ArrayNetwork {
  const { source, output, headOn, head, arrays } = options;
  const { model: asFiled, body } = importedBody(imported, options);
  const fixed = arrays && withExtents(asFiled.graph, inputTensors(arrays, asFiled.graph), arrays.source);
  const model = { ...asFiled, graph: fixed ?? asFiled.graph };
  const shared = {
    ...body,
    features: (examples: Parameters<ArrayNetwork['features']>[0]) => arrayFeatures(model.graph, examples),
  };
  if (headOn !== null && head !== undefined) {
    const plan: HeadPlan = { ...head, on: headOn };
    const { graph, parameters } = withHead(baseGraph(model, NO_SEQUENCES), plan, LOGITS);
    const shape = shapeOf(graph, `value "${headOn}" of ${source}`);
    return {
      ...shared,
      parameters: [...body.parameters, ...parameters],
      shape,
      graph: () => withLogits(graph, arrays === undefined ? named(shape, head) : shape),
    };
  }
  const trained = outputOf(model.graph, output);
  const forward = forwardGraph(model, trained, NO_SEQUENCES);
  const shape = shapeOf(forward, `${source}, output "${trained}"`);
  const declared = asFiled.graph.outputs.find(({ name }) => name === trained)?.shape.slice(1) ?? shape;
  return { ...shared, shape, graph: () => withLogits(forward, arrays === undefined ? declared : shape) };
}

/** The shape of the logits of one example. */
function shapeOf(graph: Graph, subject: string): Shape {
  const { shape } = typeOfValue(graph, LOGITS);
  const batches = graph.inputs.filter(({ shape: [first] }) => first === 'batch');
  const fits = shape.length > 1 && (batches.length === 0 || shape[0] === PROBE.batch);
  if (fits) return shape.slice(1);
  throw new GspfError('input/model', {
    subject,
    expected: 'numbers for each example, [batch, …]',
    got: `[${shape.join(', ')}]`,
    hint: 'Name another output (--output) or put a head on a value (--head-on).',
  });
}

function withLogits(graph: Graph, shape: readonly Dim[]): Graph {
  return { ...graph, outputs: [{ name: LOGITS, dtype: 'float32', shape: ['batch', ...shape] }] };
}

/** The shape of what a head gives where only its own width is known. */
function named(shape: Shape, { each }: Pick<HeadPlan, 'each'>): readonly Dim[] {
  const own = each === 'token' ? shape.length - 1 : 0;
  return shape.map((extent, axis) => (axis === own ? extent : `axis_${axis + 1}`));
}
