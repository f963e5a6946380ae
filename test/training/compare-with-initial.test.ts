import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { Indices, Selection } from '../../src/methods/selection.ts';
import { widen } from '../../src/models/half-precision.ts';
import { createSha256 } from '../../src/node/files.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { bytesOf, type Tensor } from '../../src/tensor.ts';
import { compareWithInitial } from '../../src/training/compare-with-initial.ts';
import { type Prepared, prepare } from '../../src/training/prepare.ts';
import { task } from './tiny-task.ts';

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'gspf-compare-'));
afterAll(() => rmSync(scratch, { recursive: true }));

async function prepared(directory: string): Promise<Prepared> {
  const { options } = resolveOptions({}, { task: task.name });
  return prepare(await openModelDirectory(directory), task, options, createSha256);
}

/** The file's own tensors by their names in the task model, in float32. */
function fileTensors(directory: string): Map<string, Tensor<'float32'>> {
  const file = decodeSafetensors(readFileSync(join(directory, 'model.safetensors')), directory).tensors;
  return new Map(
    [...file].map(([name, tensor]) => [
      /^(bert|classifier)\./.test(name) ? name : `bert.${name}`,
      widen(tensor as Tensor<'float32' | 'float16' | 'bfloat16'>),
    ]),
  );
}

const layer = 'bert.encoder.layer.1';
const places: Selection = new Map<string, Indices>([
  [`${layer}.output.dense.weight`, Int32Array.from([0, 3, 17])],
  [`${layer}.output.LayerNorm.bias`, Int32Array.from([5])],
  ['bert.embeddings.word_embeddings.weight', Int32Array.from([40])],
  ['classifier.bias', 'all'],
]);

/** Doubles and moves the weights at these places, so that they differ in 16 bits too. */
function change({ weights }: Prepared, selection: Selection): void {
  for (const [name, indices] of selection) {
    const data = weights.get(name)!.data;
    for (const index of indices === 'all' ? data.keys() : indices) data[index] = 2 * data[index]! + 1;
  }
}

describe.each([['bert/tiny-encoder'], ['half-precision/float16'], ['half-precision/bfloat16']])(
  '%s',
  (folder) => {
    const directory = join(fixtures, folder);

    test.each([1, 4000, Number.POSITIVE_INFINITY])('in pieces of %d bytes', async (pieceBytes) => {
      const run = await prepared(directory);
      change(run, places);
      const { tensors, removed, frozen } = await compareWithInitial(
        run,
        places,
        { createSha256 },
        pieceBytes,
      );

      const before = fileTensors(directory);
      for (const name of run.fresh) before.set(name, (await run.readInitial()).get(name)!);
      const hash = createHash('sha256');
      let weights = 0;
      const inOrder = [...run.weights.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const name of inOrder) {
        const chosen = places.get(name);
        if (chosen === 'all') continue;
        const kept = before.get(name)!.data.filter((_, index) => chosen?.includes(index) !== true);
        hash.update(bytesOf({ data: kept }));
        weights += kept.length;
      }
      expect(frozen).toEqual({
        weights,
        sha256Before: hash.copy().digest('hex'),
        sha256After: hash.digest('hex'),
        identical: true,
      });

      expect(removed).toEqual([]);
      expect(new Set(tensors.keys())).toEqual(new Set([...places.keys(), ...run.fresh]));
      for (const [name, update] of tensors) {
        const chosen = places.get(name);
        if (update.kind === 'dense' || chosen === undefined || chosen === 'all') {
          expect([...run.fresh, 'classifier.bias'], name).toContain(name);
          continue;
        }
        expect(Array.from(update.indices), name).toEqual(Array.from(chosen));
        expect(update.values.dtype).toBe(run.storedAs.get(name));
      }
    });
  },
);

describe('what changed beside the selection', () => {
  const refused = { code: 'training/frozen-changed' };

  test('is found in whatever piece it lies', async () => {
    const run = await prepared(join(fixtures, 'bert/tiny-encoder'));
    change(run, new Map<string, Indices>([...places, [`${layer}.output.dense.bias`, Int32Array.from([1])]]));
    await expect(compareWithInitial(run, places, { createSha256 }, 1)).rejects.toMatchObject(refused);
  });

  test('is found in the file too', async () => {
    const directory = join(scratch, 'changed');
    cpSync(join(fixtures, 'bert/tiny-encoder'), directory, { recursive: true });
    const run = await prepared(directory);
    const path = join(directory, 'model.safetensors');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
    await expect(compareWithInitial(run, places, { createSha256 }, 4000)).rejects.toMatchObject(refused);
  });
});
