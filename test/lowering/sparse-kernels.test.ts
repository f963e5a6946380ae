import fc from 'fast-check';
import { expect, test } from 'vitest';
import { differentiate, gradientName } from '../../src/autodiff/differentiate.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { int, ints, type StaticGraph } from '../../src/graph/graph.ts';
import { typicalCosts, waysByCost } from '../../src/lowering/sparse-costs.ts';
import { evaluateGraph } from '../../src/runtime/reference.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { type Shape, sizeOf } from '../../src/tensor.ts';

interface Convolution {
  readonly opType: 'Conv' | 'ConvTranspose';
  readonly images: number;
  /** Of each group. */
  readonly filters: number;
  readonly depth: number;
  readonly groups: number;
  readonly extents: Shape;
  readonly kernel: Shape;
  readonly stride: number;
  readonly dilation: number;
  readonly pads: readonly [number, number];
}

const shapes = (given: Convolution): { x: Shape; w: Shape } => {
  const { opType, images, filters, depth, groups, extents, kernel } = given;
  // W is [filters, depth of a group], or [channels, filters of a group].
  const w = [filters * groups, depth, ...kernel];
  return { x: [images, opType === 'Conv' ? depth * groups : filters * groups, ...extents], w };
};

/** The loss is Σ Y². */
function graphOf(given: Convolution): StaticGraph {
  const { opType, groups, kernel, stride, dilation, pads } = given;
  const { x, w } = shapes(given);
  const builder = new GraphBuilder();
  builder.input({ name: 'x', dtype: 'float32', shape: x });
  builder.input({ name: 'w', dtype: 'float32', shape: w });
  const each = (value: number) => ints(kernel.map(() => value));
  const y = builder.op(opType, ['x', 'w'], {
    group: int(groups),
    strides: each(stride),
    dilations: each(dilation),
    pads: ints([...kernel.map(() => pads[0]), ...kernel.map(() => pads[1])]),
  });
  builder.op('ReduceSum', [builder.op('Mul', [y, y])], { keepdims: int(0) }, 'loss');
  const loss = { name: 'loss', dtype: 'float32', shape: [] } as const;
  return specialize(builder.build('convolution', [loss]), { dims: {}, variables: new Set() });
}

function gradientOf(graph: StaticGraph, elements?: Int32Array, answers: readonly boolean[] = []): number[] {
  let asked = 0;
  const gathers = (): boolean => answers[asked++] ?? true;
  const ways = { ...waysByCost(typicalCosts), gathers };
  const chosen = elements && { elements: new Map([['w', elements]]), ways };
  const training = differentiate(graph, { loss: 'loss', wrt: ['w'], ...chosen });
  const feeds = new Map(
    graph.inputs.map(({ name, shape }, seed) => {
      const extents = shape.map(Number);
      const data = Float64Array.from({ length: sizeOf(extents) }, (_, i) => Math.sin(1 + seed + i * 1.7));
      return [name, { dtype: 'float32' as const, shape: extents, data }];
    }),
  );
  return Array.from(evaluateGraph(training, feeds).get(gradientName('w'))?.data ?? [], Number);
}

const few = fc.integer({ min: 1, max: 3 });
const convolution = fc.integer({ min: 1, max: 2 }).chain((axes) =>
  fc.record({
    opType: fc.constantFrom('Conv' as const, 'ConvTranspose' as const),
    images: few,
    filters: few,
    depth: few,
    groups: few,
    extents: fc.array(fc.integer({ min: 5, max: 6 }), { minLength: axes, maxLength: axes }),
    kernel: fc.array(few, { minLength: axes, maxLength: axes }),
    stride: fc.integer({ min: 1, max: 2 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    pads: fc.tuple(fc.nat(1), fc.nat(1)),
  }),
);
const masked = convolution.chain((given) =>
  fc.record({
    given: fc.constant(given),
    elements: fc
      .uniqueArray(fc.nat(sizeOf(shapes(given).w) - 1), { minLength: 1, maxLength: 6 })
      .map((indices) => Int32Array.from(indices).sort()),
  }),
);

test('the elements of the dense gradient, over random convolutions and masks', () => {
  fc.assert(
    fc.property(masked, fc.array(fc.boolean(), { maxLength: 2 }), ({ given, elements }, answers) => {
      const graph = graphOf(given);
      const dense = gradientOf(graph);
      const sparse = gradientOf(graph, elements, answers);
      expect(sparse).toHaveLength(elements.length);
      const scale = Math.max(...dense.map(Math.abs));
      sparse.forEach((value, i) => {
        expect(Math.abs(value - dense[elements[i]!]!)).toBeLessThanOrEqual(1e-12 * (1 + scale));
      });
    }),
    { numRuns: 120 },
  );
});

/** The extents of what the kernel's gradient is taken out of. */
function computed(given: Convolution, elements: Int32Array): Shape | undefined {
  const graph = differentiate(graphOf(given), {
    loss: 'loss',
    wrt: ['w'],
    elements: new Map([['w', elements]]),
  });
  const gather = graph.nodes.find(({ outputs }) => outputs.includes(gradientName('w')));
  return graph.types.get(gather?.inputs[0] ?? '')?.shape;
}

const layer: Convolution = {
  opType: 'Conv',
  images: 16,
  filters: 64,
  depth: 32,
  groups: 1,
  extents: [16, 16],
  kernel: [3, 3],
  stride: 1,
  dilation: 1,
  pads: [1, 1],
};

test('filters and channels without an element are left out where they cost more than gathering the others', () => {
  const size = sizeOf(shapes(layer).w);
  const inThree = Int32Array.of(5, 300, 301, size - 1);
  // Filters 0, 1 and 63; channels 0, 1 and 31.
  expect(computed(layer, inThree)).toEqual([3 * 3 * 9]);
  const diagonal = Int32Array.from({ length: 64 }, (_, filter) => (filter * 32 + (filter % 32)) * 9);
  expect(computed(layer, diagonal)).toEqual([size]);
  const small = { ...layer, images: 1, extents: [3, 3] };
  expect(computed(small, Int32Array.of(0))).toEqual([size]);
});

test('groups without an element are left out', () => {
  const depthwise = { ...layer, filters: 1, depth: 1, groups: 64, kernel: [5, 5] };
  expect(computed(depthwise, Int32Array.of(0, 60))).toEqual([2 * 25]);
});
