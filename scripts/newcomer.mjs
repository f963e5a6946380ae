// The first minutes of a new user, timed: the packed tarball installed in an empty folder, a CSV of one's own, train,
// predict, export, and the export loaded in transformers.js and compared.
//
//   npm run newcomer [-- --keep]

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gspf-newcomer-'));
const app = join(folder, 'app');
const peer = join(folder, 'transformers-js');
for (const path of [app, peer]) {
  mkdirSync(path);
  writeFileSync(join(path, 'package.json'), '{ "private": true, "type": "module" }\n');
}
// onnxruntime-node's own install script fetches CUDA; the processor's binary is in the package.
const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };

function step(cwd, command, ...words) {
  const since = performance.now();
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, env, encoding: 'utf8' });
  console.log(
    `\n$ ${[command, ...words].join(' ')}   (${((performance.now() - since) / 1000).toFixed(1)} s)`,
  );
  console.log((status === 0 ? stdout : stdout + stderr).trimEnd());
  if (status !== 0) process.exit(1);
  return stdout;
}

const things = ['kettle', 'jacket', 'phone', 'lamp', 'novel', 'tent', 'scarf', 'camera', 'chair', 'toaster'];
const rows = things.flatMap((thing) => [
  `"The ${thing} is broken, I want my money back",refund`,
  `"About the ${thing}: I want my money back",refund`,
  `"The ${thing} is broken, please send me another one",exchange`,
  `"About the ${thing}: please send me another one",exchange`,
]);
writeFileSync(join(app, 'mails.csv'), `text,label\n${rows.join('\n')}\n`);

step(root, 'npm', 'pack', '--silent', '--pack-destination', folder);
const tarball = join(
  folder,
  readdirSync(folder).find((name) => name.endsWith('.tgz')),
);
step(app, 'npm', 'install', '--no-audit', '--no-fund', tarball);
step(peer, 'npm', 'install', '--no-audit', '--no-fund', '@huggingface/transformers');

const model = join('node_modules', 'gspf', 'demo', 'model');
const text = 'My mirror is scratched, I want my money back';
const training = ['--task', 'text-classification', '--data', 'mails.csv', '--ratio', '1%', '--epochs', '4'];
step(app, 'npx', 'gspf', 'train', '--model', model, ...training, '--lr', '3e-3', '--out', 'runs/mails');
const predicted = step(
  app,
  ...['npx', 'gspf', 'predict', '--model', model, '--patch', 'runs/mails', '--text', text],
);
step(
  app,
  ...[
    'npx',
    'gspf',
    'export',
    '--model',
    model,
    '--patch',
    'runs/mails',
    '--format',
    'onnx',
    '--out',
    'mails-onnx',
  ],
);
writeFileSync(
  join(peer, 'classify.mjs'),
  `import { env, pipeline } from '@huggingface/transformers';
env.allowRemoteModels = false;
const [directory, text] = process.argv.slice(2);
for (const dtype of ['fp32', 'q8']) {
  const classify = await pipeline('text-classification', directory, { dtype, device: 'cpu' });
  console.log(JSON.stringify({ dtype, ...(await classify(text))[0] }));
}
`,
);
const loaded = step(peer, 'node', 'classify.mjs', join(app, 'mails-onnx'), text);

const { label, score } = JSON.parse(predicted);
const [float] = loaded
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const difference = Math.abs(float.score - score);
console.log(
  `\ngspf and transformers.js: ${label}, ${float.label}; their scores differ by ${difference.toExponential(1)}`,
);
if (process.argv.includes('--keep')) console.log(folder);
else rmSync(folder, { recursive: true });
process.exitCode = label === float.label && difference < 1e-5 ? 0 : 1;
