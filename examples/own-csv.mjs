// Your own CSV: writes a small one, trains on it, predicts.
//
//   node examples/own-csv.mjs [MODEL_DIR]

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fineTune, loadModel, loadTask } from 'gspf';

const [directory = fileURLToPath(new URL('../demo/model', import.meta.url))] = process.argv.slice(2);

const things = ['kettle', 'jacket', 'phone', 'lamp', 'novel', 'tent', 'scarf', 'camera', 'chair', 'toaster'];
const wishes = { refund: 'I want my money back', exchange: 'please send me another one' };
const rows = things.flatMap((thing) =>
  Object.entries(wishes).flatMap(([label, wish]) => [
    `"The ${thing} is broken, ${wish}",${label}`,
    `"About the ${thing}: ${wish}",${label}`,
  ]),
);
const folder = await mkdtemp(join(tmpdir(), 'gspf-example-'));
const csv = join(folder, 'mails.csv');
await writeFile(csv, `text,label\n${rows.join('\n')}\n`);

const model = await loadModel(directory);
const task = await loadTask('text-classification', { train: csv, evalRatio: 0.2 });
const run = await fineTune(model, task, {
  select: { ratio: 0.01 },
  epochs: 6,
  batchSize: 8,
  lr: 3e-3,
  onEvaluation: ({ epoch, metrics }) => console.log(`epoch ${epoch}: accuracy ${metrics['accuracy']}`),
});
const patch = join(folder, 'mails.patch.safetensors');
console.log(`${await run.patch.write(patch)} bytes in ${patch}`);

const tuned = model.with(run.patch);
for (const text of ['My mirror is scratched, I want my money back', 'Please send me another desk']) {
  const [{ label, score }] = await tuned.classify([text]);
  console.log(`${text} → ${label} (${score.toFixed(2)})`);
}
await model.release();
