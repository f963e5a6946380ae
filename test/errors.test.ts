import { expect, test } from 'vitest';
import { nearestName, suggest } from '../src/errors.ts';
import { opTypes } from '../src/ops/definition.ts';

test.each([
  ['epoch', ['epochs', 'lr'], 'epochs'],
  ['lables', ['labels', 'tables'], 'labels'],
  ['wieght', ['weight', 'bias'], 'weight'],
  ['LAYERNORMALISATION', opTypes, 'LayerNormalization'],
  ['Conv2d', opTypes, 'Conv'],
  ['layer.10.kay.bias', ['layer.10.query.bias', 'layer.10.key.bias'], 'layer.10.key.bias'],
  ['embeddings.weight', ['bert.pooler.weight', 'bert.embeddings.weight'], 'bert.embeddings.weight'],
  ['runs/mial', ['runs/mails', 'runs/first'], 'runs/mails'],
  ['sst-2', ['sst2', 'stsb'], 'sst2'],
])('%s is near a name that may be meant', (name, candidates, meant) => {
  expect(nearestName(name, candidates)).toBe(meant);
});

test.each([
  ['nope', ['home', 'data']],
  ['/srv/models/nope', ['/srv/models/home', '/srv/models/data']],
  ['2', ['0', '1']],
  ['Frobnicate', opTypes],
  ['bert.layer.3.query.weight', ['bert.layer.3.key.weight', 'bert.layer.2.self.key.weight']],
  ['QLinearAdd', opTypes],
])('%s is near none of these', (name, candidates) => {
  expect(nearestName(name, candidates)).toBeUndefined();
});

test('a few names are told where none is near', () => {
  expect(suggest('other', ['ham', 'spam'])).toBe('Known: ham, spam.');
  expect(suggest('Frobnicate', opTypes)).toBe('');
});
