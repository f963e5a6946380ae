import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { type Graph, int, ints } from '../../src/graph/graph.ts';
import { fineTune, loadTask } from '../../src/node/fine-tune.ts';
import { loadOnnxModel } from '../../src/node/onnx-model.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { float32, int64, type Tensor } from '../../src/tensor.ts';
import { temporaryFolder } from '../cli/terminal.ts';
import { sharedPath } from '../data/shared-files.ts';
import { drawn, writeArrays, writeModel } from './small-models.ts';

const checkpoint = sharedPath('models/resnet-cifar10/resnet20-12fca82f.safetensors');

/** ResNet-20 of He et al. for CIFAR-10, shortcuts of option A: every second pixel, zeros for new channels. */
function resnet20(weights: ReadonlyMap<string, Tensor>): Graph {
  const builder = new GraphBuilder();
  for (const [name, tensor] of weights) builder.initializer(name, tensor);
  const normalized = (x: string, conv: string, norm: string, stride: number): string => {
    const window = { pads: ints([1, 1, 1, 1]), strides: ints([stride, stride]) };
    const maps = builder.op('Conv', [x, `${conv}.weight`], window);
    const parts = ['weight', 'bias', 'running_mean', 'running_var'].map((part) => `${norm}.${part}`);
    return builder.op('BatchNormalization', [maps, ...parts]);
  };
  const block = (x: string, name: string, from: number, to: number): string => {
    const stride = from === to ? 1 : 2;
    const inner = builder.op('Relu', [normalized(x, `${name}.conv1`, `${name}.bn1`, stride)]);
    const maps = normalized(inner, `${name}.conv2`, `${name}.bn2`, 1);
    if (from === to) return builder.op('Relu', [builder.op('Add', [maps, x])]);
    const [starts, ends] = [builder.ints([0, 0]), builder.ints([32, 32])];
    const half = builder.op('Slice', [x, starts, ends, builder.ints([2, 3]), builder.ints([2, 2])]);
    const missing = (to - from) / 2;
    const wide = builder.op('Pad', [half, builder.ints([0, missing, 0, 0, 0, missing, 0, 0])]);
    return builder.op('Relu', [builder.op('Add', [maps, wide])]);
  };
  builder.input({ name: 'image', dtype: 'float32', shape: ['n', 3, 32, 32] });
  let x = builder.op('Relu', [normalized('image', 'conv1', 'bn1', 1)]);
  [16, 32, 64].forEach((width, layer) => {
    for (const number of [0, 1, 2]) {
      const from = layer > 0 && number === 0 ? width / 2 : width;
      x = block(x, `layer${layer + 1}.${number}`, from, width);
    }
  });
  const pooled = builder.op('ReduceMean', [x, builder.ints([2, 3])], { keepdims: int(0) }, 'pooled');
  builder.op('Gemm', [pooled, 'linear.weight', 'linear.bias'], { transB: int(1) }, 'logits');
  return builder.build('resnet20', [{ name: 'logits', dtype: 'float32', shape: ['n', 10] }]);
}

/** Noise with stripes that lie or stand. */
function stripes(): { readonly image: Tensor<'float32'>; readonly labels: number[] } {
  const image = drawn([32, 3, 32, 32], 9);
  const labels = Array.from({ length: 32 }, (_, i) => (i * 7 + (i >> 2)) % 2);
  const data = image.data.map((noise, i) => {
    const along = labels[Math.floor(i / 3072)] === 0 ? i % 32 : Math.floor(i / 32) % 32;
    return 0.6 * noise + 0.5 * Math.sign(Math.sin(along));
  });
  return { image: float32(image.shape, data), labels };
}

test.skipIf(checkpoint === undefined)('ResNet-20 learns two new classes of images', async () => {
  const folder = temporaryFolder();
  const { tensors } = decodeSafetensors(readFileSync(checkpoint ?? ''), 'resnet20');
  const model = await loadOnnxModel(writeModel(join(folder, 'resnet20.onnx'), resnet20(tensors)), {
    threads: 1,
  });
  const { image, labels } = stripes();
  const data = writeArrays(join(folder, 'stripes.safetensors'), { image, labels: int64([32], labels) });
  const task = await loadTask('arrays', { data, evalData: data });
  const { report, patch } = await fineTune(model, task, {
    lr: 3e-3,
    batchSize: 8,
    epochs: 3,
    graph: { headOn: 'pooled' },
    select: { ratio: 0.02 },
  });
  const [first] = report.evaluations;
  expect(report.metrics['loss']).toBeLessThan(0.8 * (first?.metrics['loss'] ?? 0));
  expect(report.metrics['accuracy']).toBeGreaterThan(0.9);
  expect(report.active).toBeLessThan(0.021 * report.model.parameters);
  expect(await model.with(patch).evaluate(task)).toEqual(report.metrics);
  await model.release();
});
