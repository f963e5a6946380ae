// Masks for timing: with the row, column and layer statistics of a real one, or uniformly random.

import { readFileSync } from 'node:fs';

/** A generator of numbers in [0, 1): mulberry32. */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function sample(count, from, random) {
  const pool = Int32Array.from({ length: from }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (from - i));
    [pool[i], pool[j]] = [pool[j], pool[i]];
  }
  return pool.slice(0, count).sort();
}

/**
 * A selection as Map of name → Int32Array or 'all'.
 *
 * @param shapes Map of tensor name → shape; tensors of the head are trained whole.
 * @param kind 'real' (statistics of a MiniLM selection) or 'uniform'.
 */
export function drawMask(shapes, { kind, ratio = 0.003, seed = 0, head = /^classifier\./, lowest = 0 }) {
  const random = randomOf(seed);
  const statistics = JSON.parse(readFileSync(new URL('mask-statistics.json', import.meta.url), 'utf8'));
  const layerOf = (name) => Number(/\.layer\.(\d+)\./.exec(name)?.[1] ?? -1);
  const layers = 1 + Math.max(...[...shapes.keys()].map(layerOf));
  const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);
  const eligible = [...shapes].filter(([name]) => {
    const layer = layerOf(name);
    return (
      !name.endsWith('key.bias') &&
      (lowest === 0 || layer >= lowest || (layer === -1 && !/embeddings/.test(name)))
    );
  });
  const budget = ratio * [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const statisticOf = (name) => {
    if (kind === 'uniform') return { density: 1, rows: 1, columns: 1 };
    const layer = layerOf(name);
    const fromTop = layer === -1 ? null : Math.floor(((layers - 1 - layer) * statistics.layers) / layers);
    const plain = name.replace(/^roberta\./, 'bert.').replace(/\.layer\.\d+\./, '.layer.*.');
    return statistics.tensors.find((tensor) => tensor.name === plain && tensor.fromTop === fromTop);
  };
  const body = eligible
    .filter(([name]) => !head.test(name))
    .map(([name, shape]) => ({ ...statisticOf(name), name, shape }));
  const weighed = body.filter(({ density }) => density !== undefined);
  const expected = weighed.reduce((sum, { shape, density }) => sum + density * sizeOf(shape), 0);
  const mask = new Map(eligible.filter(([name]) => head.test(name)).map(([name]) => [name, 'all']));
  for (const { name, shape, density, rows, columns } of weighed) {
    const width = shape.length === 1 ? 1 : sizeOf(shape.slice(1));
    const wanted = Math.min(sizeOf(shape), Math.round((density * sizeOf(shape) * budget) / expected));
    if (wanted === 0) continue;
    const down = Math.min(shape[0], Math.max(1, Math.round(rows * shape[0]), Math.ceil(wanted / width)));
    const across = Math.min(width, Math.max(1, Math.round(columns * width), Math.ceil(wanted / down)));
    const rowList = sample(down, shape[0], random);
    const columnList = sample(across, width, random);
    const cells = sample(wanted, down * across, random);
    const indices = Int32Array.from(
      cells,
      (cell) => rowList[Math.floor(cell / across)] * width + columnList[cell % across],
    ).sort();
    mask.set(name, indices.length === sizeOf(shape) ? 'all' : indices);
  }
  return mask;
}
