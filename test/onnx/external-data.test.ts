import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { elementTypeNumber } from '../../src/graph/element-types.ts';
import { readOnnx } from '../../src/node/onnx-file.ts';
import { float32 } from '../../src/tensor.ts';
import { temporaryFolder } from '../cli/terminal.ts';
import { modelBytes } from './models.ts';

const data = new Uint8Array(Float32Array.of(9, 1, 2, 9).buffer);

/** A folder with a model whose tensor lies outside of the file, and a secret beside the folder. */
function place(entries: Readonly<Record<string, string>>): { folder: string; model: string } {
  const outer = temporaryFolder();
  const folder = join(outer, 'model');
  mkdirSync(folder);
  writeFileSync(join(outer, 'secret'), data);
  writeFileSync(join(folder, 'model.onnx.data'), data);
  const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
  const tensor = {
    name: 't',
    dataType: elementTypeNumber('float32'),
    dims: [2n],
    dataLocation: 1,
    externalData,
  };
  const model = join(folder, 'model.onnx');
  writeFileSync(model, modelBytes({ initializer: [tensor] }));
  return { folder, model };
}

const location = 'model.onnx.data';

test('is read beside the model', async () => {
  const { model } = place({ location, offset: '4', length: '8' });
  expect((await readOnnx(model)).initializers.get('t')).toEqual(float32([2], [1, 2]));
});

test.each<[string, Record<string, string>, RegExp]>([
  ['a path up', { location: '../secret' }, /files beside the model, got "\.\.\/secret"/],
  ['a path up in the middle', { location: 'a/../../secret' }, /files beside the model/],
  ['an absolute path', { location: '/etc/passwd' }, /files beside the model, got "\/etc\/passwd"/],
  [
    'a file that is not there',
    { location: 'other.data' },
    /other\.data: expected the file with the model's external data/,
  ],
  [
    'a file that is cut short',
    { location, offset: '12', length: '8' },
    /model\.onnx\.data: expected at least 20 bytes, got 16/,
  ],
  [
    'a length that the shape does not have',
    { location, length: '16' },
    /tensor "t": expected 8 bytes in "model\.onnx\.data", got 16/,
  ],
  ['a length without end', { location, length: '999999999999999' }, /expected 8 bytes/],
  [
    'an offset below zero',
    { location, offset: '-4', length: '8' },
    /expected a count of bytes as offset, got "-4"/,
  ],
  [
    'an offset that is no number',
    { location, offset: 'x', length: '8' },
    /expected a count of bytes as offset/,
  ],
])('%s is refused', async (_, entries, message) => {
  await expect(readOnnx(place(entries).model)).rejects.toThrow(message);
});

test('links are followed within the folder and to where the model itself is linked, not elsewhere', async () => {
  const { folder, model } = place({ location: 'link', length: '8' });
  symlinkSync(join(folder, '..', 'secret'), join(folder, 'link'));
  await expect(readOnnx(model)).rejects.toThrow(/"link", a link to /);
  // As in a hub's cache, where both are links into one folder of blobs.
  const snapshot = join(folder, '..', 'snapshot');
  mkdirSync(snapshot);
  symlinkSync(model, join(snapshot, 'model.onnx'));
  symlinkSync(join(folder, 'model.onnx.data'), join(snapshot, 'link'));
  expect((await readOnnx(join(snapshot, 'model.onnx'))).initializers.get('t')).toEqual(float32([2], [9, 1]));
});
