import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize, relative, sep } from 'node:path';
import { GspfError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { ImportOptions } from '../imported/import.ts';
import { type ModelReport, reportModel } from '../imported/report.ts';
import { decodeModel, decodeModelFile } from '../onnx/decode.ts';
import type { ReadExternalData } from '../onnx/tensor-proto.ts';
import { readBytes } from './files.ts';

/**
 * Reads an ONNX file, with tensors that lie in files beside it.
 *
 * @throws `input/missing-file`, `input/onnx`, `graph/operator`.
 */
export async function readOnnx(path: string): Promise<Graph> {
  return decodeModel(await readBytes(path), { source: path, readExternal: externalReader(path) });
}

/**
 * Reads an ONNX file to look at it: what of it would be trained, and what gspf cannot read of it.
 *
 * @throws `input/missing-file`, `input/onnx`.
 */
export async function inspectOnnx(path: string, options: ImportOptions = {}): Promise<ModelReport> {
  const refused: GspfError[] = [];
  const file = decodeModelFile(await readBytes(path), {
    source: path,
    readExternal: externalReader(path),
    onRefused: (error) => refused.push(error),
  });
  return reportModel(file, refused, options);
}

/** Gives the data of tensors that lie in files beside a model. */
export function externalReader(path: string): ReadExternalData {
  const folder = dirname(path);
  // In a hub's cache model and data are links into one folder of blobs.
  const roots = [realpath(folder), dirname(realpath(path))];
  return (location, offset, length) => {
    const refuse = (got: string): never => {
      throw new GspfError('input/onnx', {
        subject: path,
        expected: 'external data in files beside the model',
        got,
      });
    };
    // A model from elsewhere must not read other files of this machine, through links either.
    const inside = normalize(location);
    if (isAbsolute(inside) || inside.split(/[/\\]/).includes('..')) return refuse(`"${location}"`);
    const file = realpath(join(folder, inside));
    const outside = (root: string): boolean => relative(root, file).split(sep)[0] === '..';
    if (roots.every(outside)) return refuse(`"${location}", a link to ${file}`);
    return readRange(file, offset, length);
  };
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

/** A path without links. */
function realpath(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    throw missingData(path, cause);
  }
}

function openForReading(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw missingData(path, cause);
  }
}

function missingData(path: string, cause: unknown): GspfError {
  return new GspfError('input/missing-file', {
    subject: path,
    expected: "the file with the model's external data",
    got: 'none that can be read',
    cause,
  });
}
