import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readOnnx } from '../../src/node/onnx-file.ts';
import { loadOnnxModel } from '../../src/node/onnx-model.ts';
import { readPatch } from '../../src/node/patch-file.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import type { Patch } from '../../src/patch/patch.ts';
import { writeMails } from '../cli/mails.ts';
import { fixture, gspf, temporaryFolder } from '../cli/terminal.ts';
import { relativeError } from '../numbers.ts';

/** Runs a command that must succeed. */
async function run(words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await gspf(words);
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

/** A BERT with three labels as an ONNX file, its tokenizer in the folder above. */
async function exported(folder: string): Promise<string> {
  await run(['export', '--model', fixture('tiny'), '--format', 'onnx', '--out', join(folder, 'exported')]);
  return join(folder, 'exported', 'onnx', 'model.onnx');
}

/** Rows of three labels. */
function threeLabels(folder: string): string {
  const path = writeMails(folder);
  const names = ['borlish', 'flimmy', 'neither'];
  const rows = readFileSync(path, 'utf8').trim().split('\n').slice(1);
  const lines = rows.map((row, i) => `${row.split(',')[0]},${names[i % 3]}`);
  writeFileSync(path, `message,label\n${lines.join('\n')}\n`);
  return path;
}

const training = (model: string, data: string, out: string, ...more: string[]): string[] => [
  ...['train', '--model', model, '--task', 'text-classification', '--data', data, '--out', out],
  ...['--epochs', '2', '--batch-size', '8', '--threads', '1', '--set', 'dropout=off', ...more],
];

/** What a patch makes of each tensor that it changes whole. */
function denseOf({ tensors }: Patch) {
  return new Map(
    [...tensors].flatMap(([name, update]) => (update.kind === 'dense' ? [[name, update.tensor]] : [])),
  );
}

test('an exported model trains to the same weights as the directory that it came from', async () => {
  const folder = temporaryFolder();
  const data = threeLabels(folder);
  const full = ['--method', 'full', '--lr', '1e-3'];
  await run(training(fixture('tiny'), data, join(folder, 'directory'), ...full));
  await run(training(await exported(folder), data, join(folder, 'onnx'), ...full));
  const expected = denseOf(await readPatch(join(folder, 'directory', 'patch.safetensors')));
  const got = denseOf(await readPatch(join(folder, 'onnx', 'patch.safetensors')));
  expect(expected.size).toBeGreaterThan(30);
  // Key biases, of which only rounding has a gradient, are no more alike than that.
  for (const [name, tensor] of expected) {
    if (!name.endsWith('key.bias'))
      expect([name, relativeError(got.get(name), tensor)]).toEqual([name, expect.closeTo(0, 4)]);
  }
});

test('a run on an ONNX file: verify, apply, revert, eval, predict and export agree', async () => {
  const folder = temporaryFolder();
  const model = await exported(folder);
  const data = threeLabels(folder);
  const at = (name: string): string => join(folder, name);
  await run(training(model, data, at('run'), '--ratio', '5%'));
  expect(await run(['patch', 'verify', at('run'), '--model', model])).toContain('Every bit is restored.');
  await run(['patch', 'apply', at('run'), '--model', model, '--out', at('merged')]);
  await run(['patch', 'revert', at('merged/model.onnx'), '--out', at('reverted')]);
  expect(readFileSync(at('reverted/model.onnx')).equals(readFileSync(model))).toBe(true);
  await run(['export', '--model', model, '--patch', at('run'), '--format', 'onnx', '--out', at('whole')]);
  const text = ['--text', 'borl flim tavu', '--text', 'nesk'];
  const patched = await run(['predict', '--model', model, '--patch', at('run'), ...text]);
  expect(await run(['predict', '--model', at('merged/model.onnx'), ...text])).toBe(patched);
  expect(await run(['predict', '--model', at('whole/model.onnx'), ...text])).toBe(patched);
  // The base is found by the run, wherever both went together, and by the patch alone beside it.
  expect(await run(['predict', '--patch', at('run'), ...text])).toBe(patched);
  const moved = join(temporaryFolder(), 'moved');
  cpSync(folder, moved, { recursive: true });
  expect(await run(['predict', '--patch', join(moved, 'run'), ...text])).toBe(patched);
  const task = ['--task', 'text-classification', '--data', data, '--json'];
  const scores = JSON.parse(await run(['eval', '--model', model, '--patch', at('run'), ...task]));
  const merged = JSON.parse(await run(['eval', '--model', at('merged/model.onnx'), ...task]));
  expect(merged.metrics).toEqual(scores.metrics);
});

test('a new head is put on a value of the graph, and comes with the patch', async () => {
  const folder = temporaryFolder();
  const model = await exported(folder);
  const { nodes } = await readOnnx(model);
  const hidden = nodes.findLast(({ opType }) => opType === 'LayerNormalization')?.outputs[0] ?? '';
  const run2 = join(folder, 'run');
  const head = ['--head-on', hidden, '--ratio', '10%'];
  await run(training(model, writeMails(folder), run2, ...head));
  const patch = await readPatch(join(run2, 'patch.safetensors'));
  expect([...denseOf(patch).keys()]).toEqual(['head.bias', 'head.weight']);
  const [first] = (await run(['predict', '--model', model, '--patch', run2, '--text', 'borl'])).split('\n');
  expect(Object.keys(JSON.parse(first ?? '').scores)).toEqual(['bad', 'good']);
  await run(['export', '--model', model, '--patch', run2, '--format', 'onnx', '--out', join(folder, 'out')]);
  const again = await run(['predict', '--model', join(folder, 'out', 'model.onnx'), '--text', 'borl']);
  expect(again.split('\n')[0]).toBe(first);
  const { status, stderr } = await gspf(
    training(model, join(folder, 'mails.csv'), join(folder, 'no'), '--head-on', 'hiden'),
  );
  expect([status, stderr]).toEqual([
    2,
    expect.stringContaining('expected the output of a node of the graph'),
  ]);
});

test('a head of another width is an error that says what to do', async () => {
  const folder = temporaryFolder();
  const { status, stderr } = await gspf(
    training(await exported(folder), writeMails(folder), join(folder, 'run')),
  );
  expect(status).toBe(2);
  expect(stderr).toMatch(
    /model\.onnx, output "logits": expected 2 numbers for each text, \[batch, 2\], got \[2, 3\]/,
  );
  expect(stderr).toContain('--head-on NAME');
});

test('fixed batches and lengths: 3 rows of 16 tokens', async () => {
  const folder = temporaryFolder();
  const path = await exported(folder);
  const graph = await readOnnx(path);
  const fixed = join(folder, 'fixed', 'onnx');
  mkdirSync(fixed, { recursive: true });
  const inputs = graph.inputs.map((info) => ({ ...info, shape: [3, 16] }));
  const model = join(fixed, 'model.onnx');
  writeFileSync(
    model,
    encodeModel({ ...graph, inputs, outputs: graph.outputs.map((o) => ({ ...o, shape: [3, 3] })) }),
  );
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'config.json']) {
    writeFileSync(join(folder, 'fixed', file), readFileSync(join(folder, 'exported', file)));
  }
  const data = threeLabels(folder);
  await run(training(model, data, join(folder, 'run'), '--ratio', '5%'));
  const task = ['--task', 'text-classification', '--data', data, '--json'];
  const of = async (file: string) => JSON.parse(await run(['eval', '--model', file, ...task])).metrics;
  const [inThrees, free] = [await of(model), await of(path)];
  expect(inThrees.accuracy).toBe(free.accuracy);
  expect(inThrees.loss).toBeCloseTo(free.loss, 5);
});

test('sees a float graph in whatever names its inputs have', async () => {
  const folder = temporaryFolder();
  const path = await exported(folder);
  const graph = await readOnnx(path);
  const names = new Map([
    ['input_ids', 'tokens'],
    ['attention_mask', 'pad_mask'],
    ['token_type_ids', 'segments'],
  ]);
  const rename = (name: string): string => names.get(name) ?? name;
  writeFileSync(
    path,
    encodeModel({
      ...graph,
      inputs: graph.inputs.map((info) => ({ ...info, name: rename(info.name) })),
      nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename) })),
    }),
  );
  const [here] = await (await loadOnnxModel(path)).classify(['borl flim']);
  const text = await run(['predict', '--model', fixture('tiny'), '--text', 'borl flim']);
  expect(here?.scores['flimmy']).toBeCloseTo(JSON.parse(text).scores.flimmy, 5);
});
