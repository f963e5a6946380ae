import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { GspfError } from '../../src/errors.ts';
import { widenAll } from '../../src/models/half-precision.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { encodeSafetensors } from '../../src/safetensors/encode.ts';
import type { Tensor } from '../../src/tensor.ts';

const tiny = fileURLToPath(new URL('../fixtures/bert/tiny/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'gspf-directories-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const original = decodeSafetensors(readFileSync(join(tiny, 'model.safetensors')), 'tiny').tensors;
let count = 0;

/** A copy of the tiny classifier with other weight files. */
function directoryWith(files: Readonly<Record<string, Uint8Array | object>>): string {
  const directory = join(scratch, `${count++}`);
  mkdirSync(directory);
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    writeFileSync(join(directory, name), readFileSync(join(tiny, name)));
  }
  for (const [name, content] of Object.entries(files)) {
    const bytes = content instanceof Uint8Array ? content : JSON.stringify(content);
    writeFileSync(join(directory, name), bytes);
  }
  return directory;
}

const withTensors = (tensors: Iterable<readonly [string, Tensor]>): string =>
  directoryWith({ 'model.safetensors': encodeSafetensors(tensors) });

/** What opening a directory and reading its tensors says. */
async function failure(directory: string): Promise<GspfError> {
  const error = await openModelDirectory(directory)
    .then((model) => model.readTensors())
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  expect(error).toBeInstanceOf(GspfError);
  if (!(error instanceof GspfError)) throw error;
  return error;
}

/** The bits of a bfloat16: the upper half of a float32. */
function toBfloat16({ shape, data }: Tensor): Tensor<'bfloat16'> {
  const bits = new Uint32Array(Float32Array.from(data, Number).buffer);
  return { dtype: 'bfloat16', shape, data: Uint16Array.from(bits, (value) => value >>> 16) };
}

describe('checkpoints of 16 bits', () => {
  /** IEEE 754: sign, 5 bits of exponent, 10 of mantissa. */
  function float16Value(bits: number): number {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const mantissa = bits & 1023;
    if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
  }

  test('float16 is widened exactly: every bit pattern', async () => {
    const shape = original.get('bert.embeddings.word_embeddings.weight')!.shape;
    const size = shape.reduce((a, b) => a * b, 1);
    for (let start = 0; start < 0x10000; start += size * 20) {
      const data = Uint16Array.from({ length: size }, (_, i) => (start + i * 20) & 0xffff);
      const words: Tensor = { dtype: 'float16', shape, data };
      const directory = withTensors(
        [...original].map(([name, tensor]) => [name, name.includes('word_embed') ? words : tensor]),
      );
      const model = await openModelDirectory(directory);
      const tensors = widenAll(await model.readTensors());
      const got = tensors.get('bert.embeddings.word_embeddings.weight')!.data;
      expect(Array.from(got)).toEqual(Array.from(data, float16Value));
    }
  });

  test('bfloat16 is widened exactly, and the types of the file are told', async () => {
    const narrow = new Map([...original].map(([name, tensor]) => [name, toBfloat16(tensor)]));
    narrow.delete('classifier.bias');
    const model = await openModelDirectory(
      withTensors([...narrow, ['classifier.bias', original.get('classifier.bias')!]]),
    );
    const tensors = await model.readTensors();
    const widened = widenAll(tensors);
    for (const [name, { data }] of narrow) {
      const wanted = new Float32Array(Uint32Array.from(data, (bits) => bits << 16).buffer);
      expect(widened.get(name)?.data, name).toEqual(wanted);
    }
    expect(tensors.get('classifier.weight')?.dtype).toBe('bfloat16');
    expect(tensors.get('classifier.bias')?.dtype).toBe('float32');
  });
});

describe('sharded checkpoints', () => {
  const [first, second] = [[...original].slice(0, 10), [...original].slice(10)];
  const shards = {
    'model-00001-of-00002.safetensors': encodeSafetensors(first),
    'model-00002-of-00002.safetensors': encodeSafetensors(second),
  };
  const index = (map: Readonly<Record<string, string>>) => ({
    'model.safetensors.index.json': { metadata: { total_size: 0 }, weight_map: map },
  });
  const map = Object.fromEntries([
    ...first.map(([name]) => [name, 'model-00001-of-00002.safetensors']),
    ...second.map(([name]) => [name, 'model-00002-of-00002.safetensors']),
  ]);

  test('are read as the whole one is', async () => {
    const model = await openModelDirectory(directoryWith({ ...shards, ...index(map) }));
    const whole = await openModelDirectory(tiny);
    expect(await model.readTensors()).toEqual(await whole.readTensors());
  });

  test('are read in part, each tensor with the bytes of the file', async () => {
    const model = await openModelDirectory(directoryWith({ ...shards, ...index(map) }));
    for (const [name, tensor] of original) {
      expect(await model.readTensors(new Set([name]))).toEqual(new Map([[name, tensor]]));
    }
    const some = [...original].slice(8, 13);
    const names = new Set(['not.there', ...some.map(([name]) => name)]);
    expect(await model.readTensors(names)).toEqual(new Map(some));
  });

  test('are read where their data are not aligned', async () => {
    const bytes = readFileSync(join(tiny, 'model.safetensors'));
    const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0)));
    const longer = Buffer.alloc(8);
    longer.writeBigUInt64LE(BigInt(header.length + 3));
    const data = bytes.subarray(8 + header.length);
    const moved = Buffer.concat([longer, header, Buffer.from('   '), data]);
    const model = await openModelDirectory(directoryWith({ 'model.safetensors': moved }));
    expect(await model.readTensors()).toEqual(original);
  });

  test.each([
    [
      'a tensor in the wrong shard',
      { ...map, 'classifier.bias': 'model-00001-of-00002.safetensors' },
      /classifier\.bias.*no such tensor/,
    ],
    [
      'a shard that is missing',
      { ...map, 'classifier.bias': 'model-00003-of-00002.safetensors' },
      /model-00003/,
    ],
    ['a shard elsewhere', { ...map, 'classifier.bias': '../model.safetensors' }, /not a plain file name/],
  ])('%s is named', async (_, broken, message) => {
    expect((await failure(directoryWith({ ...shards, ...index(broken) }))).message).toMatch(message);
  });

  test('weights in pickle format are not read', async () => {
    const { code, message } = await failure(directoryWith({ 'pytorch_model.bin': new Uint8Array(8) }));
    expect(code).toBe('input/missing-file');
    expect(message).toMatch(/pytorch_model\.bin only.*safetensors only/);
  });
});

describe('a checkpoint that does not fit its config', () => {
  const query = 'bert.encoder.layer.1.attention.self.query.weight';
  const without = new Map([...original].filter(([name]) => name !== query));

  test.each<[string, Map<string, Tensor>, RegExp]>([
    ['a missing tensor', without, new RegExp(`${query}".*got no such tensor.*must belong together`)],
    [
      'another shape',
      new Map([...without, [query, { dtype: 'float32', shape: [16, 8], data: new Float32Array(128) }]]),
      /query\.weight": expected float32\[16, 16\], got float32\[16, 8\]/,
    ],
    [
      'integers',
      new Map([...without, [query, { dtype: 'int32', shape: [16, 16], data: new Int32Array(256) }]]),
      /expected float32, float16 or bfloat16 of shape \[16, 16\], got int32/,
    ],
    [
      'a layer too many',
      new Map([...original, [query.replace('.1.', '.2.'), original.get(query)!]]),
      /layer\.2\.attention\.self\.query\.weight".*a layer beyond them/,
    ],
  ])('%s is named', async (_, tensors, message) => {
    const { code, message: said } = await failure(withTensors(tensors));
    expect(code).toBe('input/model');
    expect(said).toMatch(message);
  });

  test('a model type that is not built is named, with the nearest', async () => {
    const config = JSON.parse(readFileSync(join(tiny, 'config.json'), 'utf8'));
    const directory = directoryWith({ 'config.json': { ...config, model_type: 'robertta' } });
    expect((await failure(directory)).message).toMatch(/got "robertta". Did you mean "roberta"\?/);
  });
});
