import { readFileSync } from 'node:fs';
import { type PatchMetadata, patchFormat } from '../../src/patch/metadata.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { float32, fromBytes, type Tensor } from '../../src/tensor.ts';

/** The worked example of docs/patch-format.md as test/fixtures/patch/make.py wrote it. */
export const exampleBytes: Uint8Array = readFixture('example');
export const base: ReadonlyMap<string, Tensor> = decodeSafetensors(readFixture('base'), 'base').tensors;

/** The tuned model, as the document describes it. */
export const tuned: ReadonlyMap<string, Tensor> = new Map<string, Tensor>([
  ['encoder.weight', float32([20, 10], tunedWeights())],
  // Upper halves of the floats 1.5 and 2.5.
  ['scale.values', fromBytes('bfloat16', [2], Uint8Array.of(0xc0, 0x3f, 0x20, 0x40))],
  ['classifier.bias', float32([2], [0.25, -0.25])],
]);

export const metadata: PatchMetadata = {
  ...patchFormat,
  baseSha256: 'cf5e2ac614415cdb90cff7f4421d724d0ac8a41328ab4a395f5a3064be709e7d',
  baseName: 'example/base',
  method: 'gspf',
  task: 'sst2',
  id2label: ['negative', 'positive'],
  selected: 5,
  ratio: 0.025,
  createdBy: 'gspf 0.1.0',
  extra: { max_length: '128' },
};

function tunedWeights(): number[] {
  const weights = Array.from({ length: 200 }, (_, i) => i / 8);
  [weights[3], weights[4], weights[150]] = [-0, 1, 0.5];
  return weights;
}

function readFixture(name: string): Uint8Array {
  return readFileSync(new URL(`../fixtures/patch/${name}.safetensors`, import.meta.url));
}
