import { cotangentName, gradientName, vectorJacobianProduct } from '../autodiff/differentiate.ts';
import { GspfError, suggest } from '../errors.ts';
import type { Graph, StaticGraph } from '../graph/graph.ts';
import { withFixedUses } from '../imported/fixed-uses.ts';
import { singlePrecision } from '../imported/single-precision.ts';
import { isWeight, widen } from '../models/half-precision.ts';
import type { NamedTensors } from '../runtime/backend.ts';
import { bindDimensions, specialize } from '../specialize/specialize.ts';
import { formatType, type Tensor, zeros } from '../tensor.ts';
import { onnxRuntime } from './onnxruntime.ts';

/** Which gradients are wanted, and how they are computed. */
export interface GradientOptions {
  /** Also with respect to the graph inputs that are float32, float16 or bfloat16. */
  readonly wrtInputs?: boolean | undefined;
  /** Threads for one operator; by default one for each physical core. */
  readonly threads?: number | undefined;
}

/** Outputs and gradients of a graph at some inputs. */
export interface Gradients {
  /**
   * `output/<output>` of every output; `grad/<initializer>` of every initializer of floats, in its own shape, and of
   * the values that Constant nodes with several floats, or DequantizeLinear of an initializer, have; `grad_input/<input>`
   * where asked for. What is float16 or bfloat16 in the graph is float32 here.
   */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Initializers of float64, which have no gradient here. */
  readonly omitted: readonly string[];
}

/**
 * Vector–Jacobian products of any forward graph: the gradients of Σ Σ(output · cotangent).
 *
 * @param inputs Every graph input, by its name.
 * @param cotangents `<output>` or `cotangent/<output>`, of the output's shape, in float32 or 16 bits; an output without one adds nothing.
 *   Other names are ignored.
 * @throws `input/data` for inputs or cotangents that do not fit the graph; `graph/*` for graphs that cannot be
 *   differentiated; `runtime/failed`.
 */
export async function modelGradients(
  graph: Graph,
  inputs: NamedTensors,
  cotangents: NamedTensors,
  { wrtInputs = false, threads }: GradientOptions = {},
): Promise<Gradients> {
  const dims = dimensions(graph, inputs);
  const { graph: wide, hoisted } = singlePrecision(graph);
  // A number alone in a Constant node is arithmetic, and folded.
  const isTrained = (name: string, { dtype, shape }: Tensor): boolean =>
    dtype === 'float32' && (shape.length > 0 || !hoisted.has(name));
  const weights = new Map([...wide.initializers].filter(([name, tensor]) => isTrained(name, tensor)));
  const fixed = withFixedUses(wide);
  // As graph inputs the weights are read where they lie, whatever their size, and are no constants to fold.
  const symbolic = {
    ...fixed,
    inputs: [...fixed.inputs, ...[...weights].map(([name, { dtype, shape }]) => ({ name, dtype, shape }))],
    initializers: new Map([...fixed.initializers].filter(([name]) => !weights.has(name))),
  };
  const forward = specialize(symbolic, { dims, variables: new Set() });
  const given = matchCotangents(forward, cotangents);
  const floatInputs = wrtInputs ? wide.inputs.filter(({ dtype }) => dtype === 'float32') : [];
  const wrt = [...weights.keys(), ...floatInputs.map(({ name }) => name)];
  const backward = vectorJacobianProduct(forward, { outputs: [...given.keys()], wrt });

  const feeds = new Map<string, Tensor>([...weights, ...[...inputs].map(widenEntry)]);
  for (const [output, tensor] of given) feeds.set(cotangentName(output), tensor);
  const results = new Map<string, Tensor>();
  for (const { name } of backward.outputs) {
    const type = backward.types.get(name);
    // A model may give a weight out as it is: nothing computes it.
    if (type !== undefined && !feeds.has(name)) results.set(name, zeros(type.dtype, type.shape));
  }
  const executable = await onnxRuntime({ threads }).compile(backward);
  try {
    await executable.run(feeds, results);
  } finally {
    await executable.release();
  }

  const tensors = new Map<string, Tensor>();
  const take = (name: string, from: string): void => {
    const tensor = results.get(from) ?? feeds.get(from);
    if (tensor !== undefined) tensors.set(name, tensor);
  };
  for (const { name } of graph.outputs) take(`output/${name}`, name);
  for (const name of weights.keys()) take(`grad/${name}`, gradientName(name));
  for (const { name } of floatInputs) take(`grad_input/${name}`, gradientName(name));
  const omitted = [...wide.initializers].flatMap(([name, { dtype }]) => (dtype === 'float64' ? [name] : []));
  return { tensors, omitted };
}

const widenEntry = ([name, tensor]: readonly [string, Tensor]): [string, Tensor] => [
  name,
  isWeight(tensor) ? widen(tensor) : tensor,
];

/** The graph's named extents, from inputs that fit it. */
function dimensions(graph: Graph, inputs: NamedTensors): Readonly<Record<string, number>> {
  for (const { name, dtype } of graph.inputs) {
    const got = inputs.get(name);
    if (got?.dtype === dtype) continue;
    throw new GspfError('input/data', {
      subject: `input "${name}"`,
      expected: `a tensor of type ${dtype}`,
      got: got === undefined ? 'none of that name' : formatType(got),
      hint: got === undefined ? suggest(name, inputs.keys()) : '',
    });
  }
  try {
    return bindDimensions(graph, inputs);
  } catch (cause) {
    if (!(cause instanceof GspfError)) throw cause;
    throw new GspfError('input/data', { ...cause.details, cause });
  }
}

/** The cotangents by output, each of its output's type. */
function matchCotangents(
  { outputs, types }: StaticGraph,
  cotangents: NamedTensors,
): ReadonlyMap<string, Tensor> {
  const given = new Map<string, Tensor>();
  for (const { name } of outputs) {
    const stored = cotangents.get(cotangentName(name)) ?? cotangents.get(name);
    const tensor = stored !== undefined && isWeight(stored) ? widen(stored) : stored;
    const type = types.get(name);
    if (tensor === undefined || type === undefined) continue;
    if (formatType(tensor) !== formatType(type)) {
      throw new GspfError('input/data', {
        subject: `cotangent of "${name}"`,
        expected: `${formatType(type)}, as the output at these inputs`,
        got: formatType(tensor),
      });
    }
    given.set(name, tensor);
  }
  if (given.size > 0) return given;
  throw new GspfError('input/data', {
    subject: 'cotangents',
    expected: `a tensor for at least one output: ${outputs.map(({ name }) => cotangentName(name)).join(', ')}`,
    got: [...cotangents.keys()].slice(0, 8).join(', ') || 'no tensors',
  });
}
