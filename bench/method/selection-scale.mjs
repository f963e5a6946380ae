// Time and memory of an exact top-k over the weights of a BERT-base: S, θ → the best 0.3 %.
//
//   node --expose-gc bench/method/selection-scale.mjs [MILLIONS]

import { createScores } from '../../dist/methods/gspf/scores.js';
import { select } from '../../dist/methods/gspf/select.js';
import { resolveOptions } from '../../dist/options/resolve.js';

const millions = Number(process.argv[2] ?? 110);
const { score, select: selectOptions } = resolveOptions({}, { task: 'sst2' }).options;

// Tensors of at most 24 million weights, as in BERT-base.
const sizes = [];
for (let left = millions * 1e6; left > 0; left -= sizes.at(-1))
  sizes.push(Math.min(left, sizes.length === 0 ? 24e6 : 2_359_296));
const tensors = sizes.map((size, i) => ({ name: `layer.${i}.weight`, shape: [size] }));
const theta = new Map();
const sums = new Map();
let state = 12345;
for (const { name, shape } of tensors) {
  const [weights, sum] = [new Float32Array(shape[0]), new Float32Array(shape[0])];
  for (let i = 0; i < weights.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    weights[i] = (state / 2 ** 31) * 0.1;
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    // Heavy-tailed, as sensitivities are.
    sum[i] = 1e-3 / ((state >>> 8) / 2 ** 24 + 1e-4);
  }
  theta.set(name, weights);
  sums.set(name, { sum, batches: 12 });
}

globalThis.gc?.();
const before = process.memoryUsage();
let peak = 0;
const watch = () => {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  peak = Math.max(peak, arrayBuffers + heapUsed - before.arrayBuffers - before.heapUsed);
};
const startedAt = performance.now();
const { scorer } = createScores(score, {
  statistics: { measure: 'absolute', tensors: sums },
  current: theta,
  pretrained: theta,
  sizes: new Map(tensors.map(({ name, shape }) => [name, shape[0]])),
  seed: 0,
  round: 0,
});
// The scorer is called for every piece of the weights: a good moment to look at the memory.
const watched = (tensor, start, out, least) => {
  if (start % (1 << 20) === 0) watch();
  scorer(tensor, start, out, least);
};
const { selected, units } = select(tensors, [], watched, selectOptions);
watch();
const seconds = (performance.now() - startedAt) / 1000;
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
console.log(`weights    ${millions} million, one fp32 copy ${megabytes(4e6 * millions)}`);
console.log(`selected   ${selected}, threshold ${units[0].threshold}`);
console.log(`time       ${seconds.toFixed(1)} s, scores included`);
console.log(`memory     ${megabytes(peak)} beside S and θ, at the peak`);
