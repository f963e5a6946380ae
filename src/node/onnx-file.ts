import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { GspfError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { decodeModel } from '../onnx/decode.ts';
import { readBytes } from './files.ts';

/**
 * Reads an ONNX file, with tensors that lie in files beside it.
 *
 * @throws `input/missing-file`, `input/onnx`, `graph/operator`.
 */
export async function readOnnx(path: string): Promise<Graph> {
  const folder = dirname(path);
  return decodeModel(await readBytes(path), {
    source: path,
    readExternal: (location, offset, length) => {
      const inside = normalize(location);
      // A model from elsewhere must not read other files of this machine.
      if (isAbsolute(inside) || inside.split(/[/\\]/).includes('..')) {
        throw new GspfError('input/onnx', {
          subject: path,
          expected: 'external data in files beside the model',
          got: `"${location}"`,
        });
      }
      return readRange(join(folder, inside), offset, length);
    },
  });
}

function readRange(path: string, offset: number, length: number | undefined): Uint8Array {
  const file = openForReading(path);
  try {
    const sizeBytes = fstatSync(file).size;
    const wanted = length ?? Math.max(0, sizeBytes - offset);
    if (offset + wanted > sizeBytes) {
      throw new GspfError('input/onnx', {
        subject: path,
        expected: `at least ${offset + wanted} bytes`,
        got: `${sizeBytes}`,
        hint: 'The file is cut short.',
      });
    }
    const bytes = new Uint8Array(wanted);
    // One read gives 2 GB at most.
    for (let done = 0; done < wanted; ) {
      done += readSync(file, bytes, done, Math.min(wanted - done, 2 ** 30), offset + done);
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

function openForReading(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new GspfError('input/missing-file', {
      subject: path,
      expected: "the file with the model's external data",
      got: 'none that can be read',
      cause,
    });
  }
}
