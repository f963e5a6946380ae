import { GspfError, suggest } from '../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { elementTypeNumber } from '../graph/element-types.ts';
import { type Graph, int } from '../graph/graph.ts';
import { linearParameters, type Parameter } from '../models/parameters.ts';
import { specialize } from '../specialize/specialize.ts';
import { formatType, isFloat, type TensorType } from '../tensor.ts';

/** The name of a head that gspf adds: `head.weight`, `head.bias`. */
const HEAD = 'head';

/** A graph with a new head, and the head's parameters. */
export interface Headed {
  readonly graph: Graph;
  readonly parameters: readonly Parameter[];
}

/**
 * Puts a linear layer on a value of a graph: on the mean over its tokens (those that the mask counts) or pixels, where it
 * has such axes.
 *
 * @param on A value `[batch, features]`, `[batch, tokens, features]` or `[batch, channels, …]`.
 * @param mask The graph input that says which tokens count, `[batch, tokens]`.
 * @param output The name of what it gives, float32 `[batch, width]`.
 * @throws `usage/option` for a value that the graph lacks, or of another form.
 */
export function withHead(
  graph: Graph,
  on: string,
  width: number,
  mask: string | undefined,
  output: string,
): Headed {
  const { shape } = typeOfValue(graph, on);
  const features = shape.length > 3 ? shape[1] : shape.at(-1);
  if (shape.length < 2 || features === undefined) {
    throw new GspfError('usage/option', {
      subject: `graph.headOn "${on}"`,
      expected: 'a value [batch, features], [batch, tokens, features] or [batch, channels, …]',
      got: `[${shape.join(', ')}]`,
    });
  }
  const builder = new GraphBuilder(graph);
  const pooled = shape.length === 2 ? on : pool(builder, on, shape.length, mask);
  const parameters = linearParameters(HEAD, features, width);
  for (const { name, shape: extents } of parameters) {
    builder.input({ name, dtype: 'float32', shape: extents });
  }
  builder.op('Gemm', [pooled, `${HEAD}.weight`, `${HEAD}.bias`], { transB: int(1) }, output);
  return { graph: builder.build(graph.name, graph.outputs), parameters };
}

function pool(builder: GraphBuilder, value: string, rank: number, mask: string | undefined): string {
  const part = (name: string): string => `${HEAD}/${name}`;
  const dropAxes = { keepdims: int(0) };
  if (rank > 3) {
    const axes = builder.ints(Array.from({ length: rank - 2 }, (_, i) => i + 2));
    return builder.op('ReduceMean', [value, axes], dropAxes, part('pooled'));
  }
  const tokens = builder.ints([1]);
  if (mask === undefined) return builder.op('ReduceMean', [value, tokens], dropAxes, part('pooled'));
  const counted = builder.op('Cast', [mask], { to: int(elementTypeNumber('float32')) }, part('counted'));
  const column = builder.op('Unsqueeze', [counted, builder.ints([2])], {}, part('column'));
  const chosen = builder.op('Mul', [value, column], {}, part('chosen'));
  const sum = builder.op('ReduceSum', [chosen, tokens], dropAxes, part('sum'));
  const count = builder.op('ReduceSum', [column, tokens], dropAxes, part('count'));
  return builder.op('Div', [sum, count], {}, part('pooled'));
}

/** Extents to look at a graph with: unlike each other, so that axes are not mixed up. */
const PROBE = { batch: 2, other: 8 } as const;

/**
 * The type of a float value at some extents of the named axes.
 *
 * @throws `usage/option` for a value that the graph lacks or that is none of floats; `graph/*` for a graph whose shapes do
 *   not fit.
 */
export function typeOfValue(graph: Graph, name: string): TensorType {
  const names = graph.inputs.flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string'));
  const dims = Object.fromEntries(names.map((dim) => [dim, dim === 'batch' ? PROBE.batch : PROBE.other]));
  const made = new Set([
    ...graph.inputs.map((input) => input.name),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  if (!made.has(name)) {
    throw new GspfError('usage/option', {
      subject: `value "${name}"`,
      expected: 'the output of a node of the graph',
      got: 'none of that name',
      hint: suggest(name, [...made].filter((value) => value !== '').slice(0, 5000)),
    });
  }
  const probed = { ...graph, outputs: [{ name, dtype: 'float32', shape: [] } as const] };
  const type = specialize(probed, { dims, variables: new Set() }).types.get(name);
  if (type !== undefined && isFloat(type.dtype)) return type;
  throw new GspfError('usage/option', {
    subject: `value "${name}"`,
    expected: 'floats',
    got: type === undefined ? 'none' : formatType(type),
  });
}
