// How long a model takes until its first step: reading it, writing its graph, fixing the shapes, differentiating, creating
// onnxruntime's session. In milliseconds, for all weights and for a selection of the usual form.
//
//   node bench/method/compile-time.mjs MODEL [BATCH LENGTH RATIO]
//
// MODEL is a directory or an .onnx file; bench/method/random-model.mjs makes one of base shape.

import { differentiate } from '../../dist/autodiff/differentiate.js';
import { loadModel } from '../../dist/index.js';
import { LOSS } from '../../dist/models/sequence-classification.js';
import { loadOnnxModel } from '../../dist/node/onnx-model.js';
import { extentsOf } from '../../dist/objectives/objective.js';
import { expectedSelection } from '../../dist/plan/expected-selection.js';
import { specialize } from '../../dist/specialize/specialize.js';

const [path, batch = '32', sequence = '64', ratio = '0.003'] = process.argv.slice(2);

const rows = [];
async function timed(name, work) {
  const startedAt = performance.now();
  const result = await work();
  rows.push([name, performance.now() - startedAt]);
  return result;
}

const example = (label) => ({ text: 'a b', label });
const task = {
  kind: 'text-classification',
  name: 'two-texts',
  labels: ['a', 'b'],
  train: [example(0), example(1)],
  evaluation: [example(0), example(1)],
  notes: [],
  primaryMetric: 'accuracy',
  evaluate: () => ({ accuracy: 0 }),
};

const model = await timed('open', () => (path.endsWith('.onnx') ? loadOnnxModel(path) : loadModel(path)));
const weights = await timed('read the weights', () => model.readTensors());
const objective = await timed('write the forward graph', () => model.objectiveOf(task, model.maxPositions));
const withLoss = objective.withLoss();
const dims = extentsOf(objective.layout, { batch: Number(batch), sequence: Number(sequence) });
const forward = await timed('fix its shapes', () => specialize(withLoss, { dims, variables: new Set() }));
const onlyLoss = { ...forward, outputs: forward.outputs.filter(({ name }) => name === LOSS) };

const parameters = objective.parameters.map(({ name, shape }) => ({ name, shape }));
const total = parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
const head = new Set(parameters.map(({ name }) => name).filter((name) => !model.body.has(name)));
const selections = {
  'all weights': new Map(parameters.map(({ name }) => [name, 'all'])),
  [`${100 * Number(ratio)} % of them`]: expectedSelection(
    parameters,
    head,
    Math.floor(Number(ratio) * total),
  ),
};
for (const [name, selection] of Object.entries(selections)) {
  const elements = new Map([...selection].filter(([, indices]) => indices !== 'all'));
  const graph = await timed(`differentiate, ${name}`, () =>
    differentiate(onlyLoss, { loss: LOSS, wrt: [...selection.keys()], elements }),
  );
  const executable = await timed(`create the session, ${name} (${graph.nodes.length} nodes)`, () =>
    model.environment.backend.compile(graph),
  );
  await executable.release();
}
await model.release();

const width = Math.max(...rows.map(([name]) => name.length));
console.log(`${path}: ${weights.size} tensors, ${total} weights, ${forward.nodes.length} nodes forward`);
for (const [name, ms] of rows) console.log(`${name.padEnd(width)}  ${ms.toFixed(0).padStart(6)}`);
