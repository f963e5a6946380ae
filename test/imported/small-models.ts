import { writeFileSync } from 'node:fs';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { type Graph, int, ints, type ValueInfo } from '../../src/graph/graph.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { encodeSafetensors } from '../../src/safetensors/encode.ts';
import { float32, type Shape, sizeOf, type Tensor } from '../../src/tensor.ts';

/** Numbers from −1 to 1 that look drawn, always the same. */
export function drawn(shape: Shape, seed: number): Tensor<'float32'> {
  let state = (seed * 2654435761 + 1) >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return float32(shape, Float32Array.from({ length: sizeOf(shape) }, next));
}

/** Writes graphs with weights that look drawn. */
class SmallModel {
  readonly builder = new GraphBuilder();
  #seed = 1;

  weight(name: string, shape: Shape): string {
    const { data } = drawn(shape, this.#seed++);
    const scale = 1 / Math.sqrt(sizeOf(shape.slice(1)) || 1);
    return this.builder.initializer(
      name,
      float32(
        shape,
        data.map((value) => value * scale),
      ),
    );
  }

  linear(name: string, x: string, from: number, to: number, output?: string): string {
    const inputs = [x, this.weight(`${name}.weight`, [to, from]), this.weight(`${name}.bias`, [to])];
    return this.builder.op('Gemm', inputs, { transB: int(1) }, output);
  }

  conv(name: string, x: string, from: number, to: number, size: number, output?: string): string {
    const inputs = [
      x,
      this.weight(`${name}.weight`, [to, from, size, size]),
      this.weight(`${name}.bias`, [to]),
    ];
    const pad = (size - 1) / 2;
    return this.builder.op('Conv', inputs, { pads: ints([pad, pad, pad, pad]) }, output);
  }

  build(outputs: readonly ValueInfo[]): Graph {
    return this.builder.build('small', outputs);
  }
}

/** Two layers on rows of four numbers; `hidden` is between them. */
export function tableNet(width: number): Graph {
  const model = new SmallModel();
  const x = model.builder.input({ name: 'features', dtype: 'float32', shape: ['rows', 4] });
  const hidden = model.builder.op('Relu', [model.linear('first', x, 4, 16)], {}, 'hidden');
  model.linear('second', hidden, 16, width, 'out');
  return model.build([{ name: 'out', dtype: 'float32', shape: ['rows', width] }]);
}

/** Two convolutions on images of two channels, of any height and width; `maps` are between them. */
export function pixelNet(classes: number): Graph {
  const model = new SmallModel();
  const x = model.builder.input({ name: 'image', dtype: 'float32', shape: ['n', 2, 'height', 'width'] });
  const maps = model.builder.op('Relu', [model.conv('first', x, 2, 8, 3)], {}, 'maps');
  model.conv('second', maps, 8, classes, 1, 'out');
  return model.build([{ name: 'out', dtype: 'float32', shape: ['n', classes, 'height', 'width'] }]);
}

/** An embedding of ten tokens and a layer on each; `embedded` is between them. */
export function tokenNet(classes: number): Graph {
  const model = new SmallModel();
  const ids = model.builder.input({ name: 'ids', dtype: 'int64', shape: ['n', 'tokens'] });
  const embedded = model.builder.op('Gather', [model.weight('words', [10, 6]), ids], {}, 'embedded');
  model.builder.op('MatMul', [embedded, model.weight('out.weight', [6, classes])], {}, 'out');
  return model.build([{ name: 'out', dtype: 'float32', shape: ['n', 'tokens', classes] }]);
}

export function writeModel(path: string, graph: Graph): string {
  writeFileSync(path, encodeModel(graph));
  return path;
}

export function writeArrays(path: string, tensors: Readonly<Record<string, Tensor>>): string {
  writeFileSync(path, encodeSafetensors(Object.entries(tensors)));
  return path;
}

/** One class for each row of rows of four: by the signs of the first two numbers. */
export function signClasses({ data }: Tensor<'float32'>): number[] {
  return Array.from({ length: data.length / 4 }, (_, i) =>
    (data[4 * i] ?? 0) > 0 ? 2 : (data[4 * i + 1] ?? 0) > 0 ? 1 : 0,
  );
}
