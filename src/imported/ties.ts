import { float32, type Tensor } from '../tensor.ts';

/** A tensor that holds the values of another one: a copy that the exporter made. */
export interface Tie {
  readonly name: string;
  /** The first of the two in the file. */
  readonly of: string;
  /** Whether it is the other's transpose. */
  readonly transposed: boolean;
}

/** With fewer different values than this equality proves nothing: fresh gains are all 1, fresh biases all 0. */
const FEWEST_VALUES = 4;

/**
 * Tensors of the same values, equal or transposed, to the bit: weights that were tied or shared in the model, of which
 * the exporter wrote one copy for each use.
 */
export function findTies(weights: ReadonlyMap<string, Tensor<'float32'>>): readonly Tie[] {
  const groups = new Map<string, [string, Tensor<'float32'>][]>();
  for (const [name, tensor] of weights) {
    const key = fingerprint(tensor);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [[name, tensor]]);
    else group.push([name, tensor]);
  }
  const ties: Tie[] = [];
  for (const group of groups.values()) {
    const originals: [string, Tensor<'float32'>][] = [];
    for (const [name, tensor] of group) {
      const tie = originals
        .map(([of, original]) => tieOf(name, tensor, of, original))
        .find((found) => found !== undefined);
      if (tie === undefined) originals.push([name, tensor]);
      else ties.push(tie);
    }
  }
  return ties;
}

function tieOf(
  name: string,
  tensor: Tensor<'float32'>,
  of: string,
  original: Tensor<'float32'>,
): Tie | undefined {
  if (
    `${tensor.shape}` === `${original.shape}` &&
    tensor.data.every((value, i) => Object.is(value, original.data[i]))
  ) {
    return { name, of, transposed: false };
  }
  const [rows, columns] = tensor.shape;
  if (tensor.shape.length !== 2 || rows === undefined || columns === undefined) return undefined;
  if (original.shape[0] !== columns || original.shape[1] !== rows) return undefined;
  const same = tensor.data.every((value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return Object.is(value, original.data[column * rows + row]);
  });
  return same ? { name, of, transposed: true } : undefined;
}

/**
 * Alike for tensors that may be the same or each other's transpose: both leave the first element and the last where they
 * are. Undefined for those of too few values.
 */
function fingerprint({ data }: Tensor<'float32'>): string | undefined {
  const values = new Set<number>();
  for (const value of data) {
    values.add(value);
    if (values.size >= FEWEST_VALUES) break;
  }
  if (values.size < FEWEST_VALUES) return undefined;
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
  return `${data.length} ${bits[0]} ${bits.at(-1)}`;
}

/** The copies that a file has of some weights, from the values of these. */
export function copiesOf(
  ties: readonly Tie[],
  weights: ReadonlyMap<string, Tensor<'float32'>>,
): Map<string, Tensor<'float32'>> {
  return new Map(
    ties.flatMap(({ name, of, transposed }): [string, Tensor<'float32'>][] => {
      const original = weights.get(of);
      return original === undefined ? [] : [[name, transposed ? transpose(original) : original]];
    }),
  );
}

function transpose({ shape, data }: Tensor<'float32'>): Tensor<'float32'> {
  const [rows = 1, columns = 1] = shape;
  const turned = Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)] ?? 0);
  return float32([columns, rows], turned);
}
