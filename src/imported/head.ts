import { GspfError, suggest } from '../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { elementTypeNumber } from '../graph/element-types.ts';
import { type Graph, int } from '../graph/graph.ts';
import { linearParameters, type Parameter } from '../models/parameters.ts';
import { specialize } from '../specialize/specialize.ts';
import { formatType, isFloat, type TensorType } from '../tensor.ts';

/** A graph with a new head, and the head's parameters. */
export interface Headed {
  readonly graph: Graph;
  readonly parameters: readonly Parameter[];
}

/** A head to put on a graph. */
export interface HeadPlan {
  /** A value `[batch, features]`, `[batch, tokens, features]` or `[batch, channels, …]`. */
  readonly on: string;
  /** What it gives: one row of numbers for each example, for each token, or for each pixel. */
  readonly each: HeadScope;
  /** Numbers in a row. */
  readonly width: number;
  /** The graph input that says which tokens count, `[batch, tokens]`. */
  readonly mask?: string | undefined;
}

export type HeadScope = 'example' | 'token' | 'pixel';

/**
 * The name of a head that gspf adds to a graph: `head.weight`, `head.bias`, or `new_head` where the model has one of that
 * name.
 */
export function headName({ inputs, initializers }: Graph): string {
  const taken = new Set([...inputs.map(({ name }) => name), ...initializers.keys()]);
  let name = 'head';
  while (taken.has(`${name}.weight`) || taken.has(`${name}.bias`)) name = `new_${name}`;
  return name;
}

/**
 * Puts a linear layer on a value of a graph. One for each example stands on the mean over its tokens (those that the mask
 * counts) or pixels, where it has such axes; one for each pixel is a convolution of one by one.
 *
 * @param output The name of what it gives, float32 `[batch, width]`, `[batch, tokens, width]`, `[batch, width, …]`.
 * @throws `usage/option` for a value that the graph lacks, or of another form.
 */
export function withHead(graph: Graph, { on, each, width, mask }: HeadPlan, output: string): Headed {
  const { shape } = typeOfValue(graph, on);
  const isPixels = each === 'pixel' || (each === 'example' && shape.length > 3);
  const features = isPixels ? shape[1] : shape.at(-1);
  const leastAxes = each === 'example' ? 2 : 3;
  if (shape.length < leastAxes || features === undefined) {
    throw new GspfError('usage/option', {
      subject: `graph.headOn "${on}"`,
      expected: `a value ${valueForms[each]}`,
      got: `[${shape.join(', ')}]`,
    });
  }
  const builder = new GraphBuilder(graph);
  const name = headName(graph);
  const kernel = isPixels && each === 'pixel' ? shape.slice(2).map(() => 1) : [];
  const parameters = linearParameters(name, features, width).map(
    (parameter): Parameter =>
      parameter.name === `${name}.weight`
        ? { ...parameter, shape: [...parameter.shape, ...kernel] }
        : parameter,
  );
  for (const { name: parameter, shape: extents } of parameters) {
    builder.input({ name: parameter, dtype: 'float32', shape: extents });
  }
  const [weight, bias] = [`${name}.weight`, `${name}.bias`];
  if (each === 'pixel') builder.op('Conv', [on, weight, bias], {}, output);
  else if (each === 'token') {
    const product = builder.op('MatMul', [on, builder.transpose(weight, [1, 0])], {}, `${name}/product`);
    builder.op('Add', [product, bias], {}, output);
  } else {
    const pooled = shape.length === 2 ? on : pool(builder, on, shape.length, mask, name);
    builder.op('Gemm', [pooled, weight, bias], { transB: int(1) }, output);
  }
  return { graph: builder.build(graph.name, graph.outputs), parameters };
}

const valueForms: Readonly<Record<HeadScope, string>> = {
  example: '[batch, features], [batch, tokens, features] or [batch, channels, …]',
  token: '[batch, tokens, features]',
  pixel: '[batch, channels, …]',
};

function pool(
  builder: GraphBuilder,
  value: string,
  rank: number,
  mask: string | undefined,
  head: string,
): string {
  const part = (name: string): string => `${head}/${name}`;
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
export const PROBE = { batch: 2, other: 8 } as const;

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
