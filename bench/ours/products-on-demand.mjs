// Multiplies by the weights of one layer's linear layers, once for each line `step` on standard input.
//
//   node bench/ours/products-on-demand.mjs --precision int8 [--rows 1024 --hidden 768 --threads 2]

import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { GraphBuilder } from '../../dist/graph/builder.js';
import { int } from '../../dist/graph/graph.js';
import { onnxRuntime } from '../../dist/node/onnxruntime.js';
import { quantizeDynamically } from '../../dist/quantize/dynamic.js';
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
const graph = values.precision === 'int8' ? quantizeDynamically(layers()) : layers();
const executable = await backend.compile(specialize(graph, { dims: {}, variables: new Set() }));
const feeds = new Map([['x', float32([rows, hidden], drawn(rows * hidden, 1))]]);
const results = new Map([['y', float32([rows, hidden], new Float32Array(rows * hidden))]]);
for (let i = 0; i < WARM_RUNS; i++) await executable.run(feeds, results);
say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const startedAt = performance.now();
  if (line === 'step') await executable.run(feeds, results);
  say({ ms: performance.now() - startedAt });
}
process.exit(0);

/** Query, key, value and output, then the two of the feed-forward network; one after another, nothing between. */
function layers() {
  const builder = new GraphBuilder();
  const square = [hidden, hidden];
  const shapes = [square, square, square, square, [4 * hidden, hidden], [hidden, 4 * hidden]];
  let value = builder.input({ name: 'x', dtype: 'float32', shape: [rows, hidden] });
  for (let layer = 0; layer < LAYERS; layer++) {
    for (const [i, shape] of shapes.entries()) {
      const name = `layer.${layer}.weight.${i}`;
      const data = drawn(shape[0] * shape[1], 1 / Math.sqrt(shape[1]));
      builder.initializer(name, float32(shape, data));
      const isLast = layer === LAYERS - 1 && i === shapes.length - 1;
      value = builder.op('Gemm', [value, name], { transB: int(1) }, isLast ? 'y' : undefined);
    }
  }
  return builder.build('products', [{ name: value, dtype: 'float32', shape: [rows, hidden] }]);
}

/** Numbers around zero that need no generator. */
function drawn(count, scale) {
  return new Float32Array(count).map((_, i) => scale * Math.sin(i * 12.9898));
}
