import { quoteNames } from '../data/table.ts';
import { GspfError, suggest } from '../errors.ts';
import type { Dim, Graph, ValueInfo } from '../graph/graph.ts';
import { isWeight, widen } from '../models/half-precision.ts';
import type { Features } from '../objectives/objective.ts';
import { fromNumeric, toNumeric } from '../ops/numeric.ts';
import type { ArrayExample, Arrays } from '../tasks/arrays.ts';
import { bytesOf, formatType, fromBytes, isFloat, type Tensor } from '../tensor.ts';
import { fixedExtents } from './text-inputs.ts';

/**
 * The tensors of some arrays by the names and in the types of a graph's inputs: 16-bit floats as float32, integers as
 * int64, where the graph wants these.
 *
 * @throws `input/data` for names, types and shapes that are not the graph's.
 */
export function inputTensors(arrays: Arrays, { inputs }: Graph): ReadonlyMap<string, Tensor> {
  const { source } = arrays;
  const given = arrays.columns === undefined ? arrays.inputs : tableInput(arrays, arrays.columns, inputs);
  const names = inputs.map(({ name }) => name);
  const unknown = [...given.keys()].find((name) => !names.includes(name));
  const missing = names.find((name) => !given.has(name));
  if (unknown !== undefined || missing !== undefined) {
    throw new GspfError('input/data', {
      subject: source,
      expected: `a tensor for each input of the graph: ${quoteNames(names)}`,
      got: quoteNames([...given.keys()]) || 'none',
      hint: unknown === undefined ? '' : suggest(unknown, names),
    });
  }
  return new Map(
    inputs.map((info): [string, Tensor] => {
      const tensor = given.get(info.name);
      const fitting = tensor && inType(tensor, info);
      if (fitting !== undefined && fitsShape(fitting, info)) return [info.name, fitting];
      const subject = arrays.columns === undefined ? `${source}: tensor "${info.name}"` : source;
      const dims = info.shape.map((dim, axis) => (axis === 0 && typeof dim === 'number' ? 'examples' : dim));
      throw new GspfError('input/data', {
        subject,
        expected: `${info.dtype}[${dims.join(', ')}], as input "${info.name}" of the graph`,
        got: tensor === undefined ? 'none' : formatType(tensor),
        hint: hintFor(arrays, tensor, info),
      });
    }),
  );
}

/** The columns of a table as the one input of a graph. @throws `input/data` for a graph with several. */
function tableInput(
  { source, inputs: tensors }: Arrays,
  columns: readonly string[],
  inputs: readonly ValueInfo[],
): ReadonlyMap<string, Tensor> {
  const [info, ...others] = inputs;
  const [features] = tensors.values();
  if (info !== undefined && features !== undefined && others.length === 0) {
    return new Map([[info.name, features]]);
  }
  throw new GspfError('input/data', {
    subject: source,
    expected: `a graph with one input, for a table of ${columns.length} columns of features`,
    got: `inputs ${quoteNames(inputs.map(({ name }) => name))}`,
    hint: 'Give a tensor for each input: --task arrays --data FILE.safetensors.',
  });
}

function inType(tensor: Tensor, { dtype }: ValueInfo): Tensor | undefined {
  if (tensor.dtype === dtype) return tensor;
  if (dtype === 'float32' && isWeight(tensor)) return widen(tensor);
  if (dtype === 'int64' && !isFloat(tensor.dtype) && tensor.dtype !== 'bool') {
    return fromNumeric({ ...toNumeric(tensor), dtype });
  }
  return undefined;
}

function fitsShape({ shape }: Tensor, info: ValueInfo): boolean {
  return (
    shape.length === info.shape.length &&
    shape.every(
      (extent, axis) => axis === 0 || typeof info.shape[axis] === 'string' || extent === info.shape[axis],
    )
  );
}

function hintFor(arrays: Arrays, tensor: Tensor | undefined, info: ValueInfo): string {
  const { columns } = arrays;
  if (columns !== undefined) {
    return `Its columns of features: ${quoteNames(columns)}; --feature-columns a,b,c names others.`;
  }
  if (tensor === undefined || inType(tensor, info) !== undefined) return '';
  return tensor.dtype === 'uint8' && info.dtype === 'float32'
    ? 'Write the numbers as the model wants them, scaled and normalised, in float32.'
    : `Write it as ${info.dtype}.`;
}

/**
 * A graph whose inputs have a number in each axis but the first, that of some arrays.
 *
 * @param base With `batch` as the name of first axes that have one.
 * @throws `input/data` for arrays that disagree on a named axis.
 */
export function withExtents(base: Graph, tensors: ReadonlyMap<string, Tensor>, source: string): Graph {
  const extents = new Map<string, number>();
  const bind = (dim: Dim, axis: number, name: string): Dim => {
    const extent = tensors.get(name)?.shape[axis];
    if (typeof dim === 'number' || axis === 0 || extent === undefined) return dim;
    const known = extents.get(dim);
    if (known === undefined) extents.set(dim, extent);
    if (known === undefined || known === extent) return extent;
    throw new GspfError('input/data', {
      subject: `${source}: tensor "${name}"`,
      expected: `${known} in axis ${axis}, which the graph calls "${dim}", as other tensors have there`,
      got: `${extent}`,
    });
  };
  return {
    ...base,
    inputs: base.inputs.map((info) => ({
      ...info,
      shape: info.shape.map((dim, axis) => bind(dim, axis, info.name)),
    })),
  };
}

/** Examples as a graph reads them, row by row. @throws `input/data` as {@link inputTensors}. */
export function arrayFeatures(graph: Graph, examples: readonly ArrayExample[]): Features {
  const converted = new Map<Arrays, ReadonlyMap<string, Tensor>>();
  for (const { arrays } of examples) {
    if (!converted.has(arrays)) converted.set(arrays, inputTensors(arrays, graph));
  }
  return {
    lengths: new Int32Array(examples.length).fill(1),
    truncated: 0,
    fixedRows: fixedExtents(graph).rows,
    feeds: (rows) =>
      new Map(
        graph.inputs.map(({ name }): [string, Tensor] => {
          const parts = Array.from(rows, (row) => rowOf(name, examples[row], converted));
          return [name, stacked(parts)];
        }),
      ),
  };
}

function rowOf(
  name: string,
  example: ArrayExample | undefined,
  converted: ReadonlyMap<Arrays, ReadonlyMap<string, Tensor>>,
): { readonly tensor: Tensor; readonly row: number } {
  const tensor = example && converted.get(example.arrays)?.get(name);
  if (example !== undefined && tensor !== undefined) return { tensor, row: example.row };
  throw new GspfError('input/data', { subject: 'batch', expected: `a row of "${name}"`, got: 'none' });
}

/** Rows of tensors of one type, one after the other, as a tensor of its own. */
function stacked(parts: readonly { readonly tensor: Tensor; readonly row: number }[]): Tensor {
  const [first] = parts;
  if (first === undefined) {
    throw new GspfError('input/data', { subject: 'batch', expected: 'at least one row', got: 'none' });
  }
  const { dtype, shape } = first.tensor;
  const size = bytesOf(first.tensor).length / (shape[0] ?? 1);
  const bytes = new Uint8Array(size * parts.length);
  parts.forEach(({ tensor, row }, i) => {
    bytes.set(bytesOf(tensor).subarray(row * size, (row + 1) * size), i * size);
  });
  return fromBytes(dtype, [parts.length, ...shape.slice(1)], bytes);
}
