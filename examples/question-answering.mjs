// Question answering: writes questions in SQuAD's layout, trains on them, asks one more.
//
//   node examples/question-answering.mjs [MODEL_DIR]

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fineTune, loadModel, loadTask } from 'gspf';

const [directory = fileURLToPath(new URL('../demo/model', import.meta.url))] = process.argv.slice(2);

const things = ['kettle', 'jacket', 'phone', 'lamp', 'novel', 'tent', 'scarf', 'camera', 'chair', 'toaster'];
const colours = ['white', 'silver', 'copper', 'round'];
const articles = things.map((thing, i) => {
  const colour = colours[i % colours.length];
  const context = `I ordered the ${thing} last week and it is ${colour}, as it should be.`;
  const asked = (id, question, text) => ({
    id: `${thing}-${id}`,
    question,
    answers: [{ text, answer_start: context.indexOf(text) }],
  });
  const qas = [asked('what', 'What did I order?', thing), asked('how', 'How is it?', colour)];
  return { title: thing, paragraphs: [{ context, qas }] };
});
const file = join(await mkdtemp(join(tmpdir(), 'gspf-example-')), 'questions.json');
await writeFile(file, JSON.stringify({ version: '1.1', data: articles }));

const model = await loadModel(directory);
const task = await loadTask('question-answering', { train: file, evalRatio: 0.2 });
const run = await fineTune(model, task, {
  select: { ratio: 0.05 },
  epochs: 12,
  batchSize: 4,
  lr: 3e-3,
  maxLength: 48,
  onEvaluation: ({ epoch, metrics }) => console.log(`epoch ${epoch}: F1 ${metrics['f1']?.toFixed(2)}`),
});

const [answer] = await model.with(run.patch).answer([
  {
    question: 'What did I order?',
    context: 'I ordered the mirror last week and it is silver, as it should be.',
  },
]);
console.log(`What did I order? → ${answer.text}`);
await model.release();
