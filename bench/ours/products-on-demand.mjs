// Multiplies by the weights of one layer's linear layers, once for each line `step` on standard input.
//
//   node bench/ours/products-on-demand.mjs --precision int8 [--rows 1024 --hidden 768 --threads 2]
//
// PRECISION: fp32, int8 (as the frozen prefix is computed) or int8-batch (as 8-bit exports are).

import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { GraphBuilder } from '../../dist/graph/builder.js';
import { int } from '../../dist/graph/graph.js';
import { EightBitProducts } from '../../dist/lowering/eight-bit-products.js';
import { onnxRuntime } from '../../dist/node/onnxruntime.js';
import { quantizeDynamically } from '../../dist/quantize/dynamic.js';
import { EightBitWeights } from '../../dist/quantize/eight-bit-weights.js';
import { specialize } from '../../dist/specialize/specialize.js';
import { float32 } from '../../dist/tensor.js';

/** Long enough to be timed. */
const LAYERS = 4;
const WARM_RUNS = 3;

const { values } = parseArgs({
  options: {
    precision: { type: 'string', default: 'fp32' },
    rows: { type: 'string', default: '1024' },
    hidden: { type: 'string', default: '768' },
    threads: { type: 'string', default: '2' },
  },
});
const [rows, hidden] = [Number(values.rows), Number(values.hidden)];
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const backend = onnxRuntime({ threads: Number(values.threads) });
const weights = layerWeights();
const { graph, constants } = graphIn(values.precision);
// As the graph of a step does that is met often (docs/decisions/0024-memory-kept-where-shapes-are-few.md).
const executable = await backend.compile(graph, { keepsMemory: true });
const x = float32([rows, hidden], drawn(rows * hidden, 1));
const feeds = new Map([...weights, ...constants, ['x', x]]);
const results = new Map([['y', float32([rows, hidden], new Float32Array(rows * hidden))]]);
for (let i = 0; i < WARM_RUNS; i++) await executable.run(feeds, results);
say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const startedAt = performance.now();
  if (line === 'step') await executable.run(feeds, results);
  say({ ms: performance.now() - startedAt });
}
process.exit(0);

/** Of query, key, value and output, then of the two of the feed-forward network. */
function layerWeights() {
  const square = [hidden, hidden];
  const shapes = [square, square, square, square, [4 * hidden, hidden], [hidden, 4 * hidden]];
  const names = Array.from({ length: LAYERS }, (_, layer) =>
    shapes.map((shape, i) => [`layer.${layer}.weight.${i}`, shape]),
  );
  return new Map(
    names
      .flat()
      .map(([name, shape]) => [name, float32(shape, drawn(shape[0] * shape[1], 1 / Math.sqrt(shape[1])))]),
  );
}

/** The products one after another, nothing between. */
function layers(areInputs) {
  const builder = new GraphBuilder();
  let value = builder.input({ name: 'x', dtype: 'float32', shape: [rows, hidden] });
  for (const [name, tensor] of weights) {
    if (areInputs) builder.input({ name, dtype: 'float32', shape: tensor.shape });
    else builder.initializer(name, tensor);
    const isLast = name === [...weights.keys()].at(-1);
    value = builder.op('Gemm', [value, name], { transB: int(1) }, isLast ? 'y' : undefined);
  }
  return builder.build('products', [{ name: value, dtype: 'float32', shape: [rows, hidden] }]);
}

/** fp32; int8 as the prefix has it; int8-batch as exports have it: one scale for a whole batch, constant weights. */
function graphIn(precision) {
  const fixed = (graph) => specialize(graph, { dims: {}, variables: new Set() });
  if (precision === 'int8-batch')
    return { graph: fixed(quantizeDynamically(layers(false))), constants: new Map() };
  if (precision === 'fp32') return { graph: fixed(layers(true)), constants: new Map() };
  const products = new EightBitProducts(new EightBitWeights(weights), []);
  return { graph: products.rewrite(fixed(layers(true))), constants: products.feeds };
}

/** Numbers around zero that need no generator. */
function drawn(count, scale) {
  return new Float32Array(count).map((_, i) => scale * Math.sin(i * 12.9898));
}
