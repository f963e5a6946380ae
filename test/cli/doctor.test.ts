import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fixture, gspf, temporaryFolder } from './terminal.ts';

test('a sound model and machine pass, line by line aligned', async () => {
  const { status, stdout } = await gspf(['doctor', '--model', fixture('tiny')]);
  expect(status).toBe(0);
  // 41 tensors, by the README of the fixtures.
  expect(stdout).toMatch(/^ok {4}tensors {6}41 with [\d,]+ weights in float32$/m);
  expect(stdout).toContain('labels borlish, flimmy, neither');
  expect(stdout).toContain(
    'bert.encoder.layer.0.attention.self.key.bias and 1 more like it: zero by construction',
  );
});

test('a broken model fails with what to do, in text and in JSON', async () => {
  const model = join(temporaryFolder(), 'model');
  cpSync(fixture('tiny'), model, { recursive: true });
  writeFileSync(join(model, 'config.json'), '{"model_type":"brt"}');
  const { status, stdout } = await gspf(['doctor', '--model', model]);
  expect(status).toBe(1);
  expect(stdout).toMatch(
    /^fail {2}model .*expected a model_type among .*bert.*, got "brt"\n {19}Did you mean "bert"\?$/m,
  );
  const { ok, checks } = JSON.parse((await gspf(['doctor', '--model', model, '--json'])).stdout);
  expect([ok, checks.at(-1).status]).toEqual([false, 'fail']);
});
