import { GspfError } from '../errors.ts';
import { intAttribute, intsAttribute } from '../graph/attributes.ts';
import { type Body, describeNode, int, type Node } from '../graph/graph.ts';
import type { ExpandContext, Value } from '../ops/definition.ts';
import { numbersOf } from '../ops/shapes.ts';
import { formatType, int64 } from '../tensor.ts';

/** Writes a body's nodes, reading `inputs`, under names of their own; gives its outputs. */
export type RunBody = (body: Body, inputs: readonly Value[]) => readonly Value[];

/** What takes the place of an If, Loop or Scan; undefined for other nodes. */
export function withoutControlFlow(c: ExpandContext, run: RunBody): readonly Value[] | undefined {
  switch (c.node.opType) {
    case 'If':
      return branch(c, run);
    case 'Loop':
      return loop(c, run);
    case 'Scan':
      return scan(c, run);
    default:
      return undefined;
  }
}

function bodyOf(node: Node, name: string): Body {
  const attribute = node.attributes[name];
  if (attribute?.type === 'graph') return attribute.value;
  throw new GspfError('graph/invalid', {
    subject: describeNode(node),
    expected: `a graph "${name}"`,
    got: 'none',
  });
}

/**
 * The branch that is taken, where the condition is known now; else both, and each output chosen by Where: a gradient
 * then reaches both branches, that of the other one as zeros.
 */
function branch(c: ExpandContext, run: RunBody): readonly Value[] {
  const { node, op, known, reshape } = c;
  const condition = c.input(0);
  const decided = known(condition);
  const [then, otherwise] = [bodyOf(node, 'then_branch'), bodyOf(node, 'else_branch')];
  if (decided !== undefined) return run(Number(decided.data[0]) === 0 ? otherwise : then, []);
  const [taken, left] = [run(then, []), run(otherwise, [])];
  return taken.map((a, i) => {
    const b = left[i] ?? a;
    if (formatType(a) === formatType(b)) return op('Where', [reshape(condition, []), a, b]);
    throw new GspfError('graph/shape', {
      subject: `${describeNode(node)}, output ${i}`,
      expected: 'one shape from both branches, since the condition depends on the data',
      got: `${formatType(a)} and ${formatType(b)}`,
    });
  });
}

/** The number or truth value of an input that steers a loop. @throws `graph/shape` where it depends on the data. */
function steering(c: ExpandContext, value: Value, what: string): number {
  const tensor = c.known(value);
  if (tensor !== undefined) return numbersOf(tensor)[0] ?? 0;
  throw new GspfError('graph/shape', {
    subject: `${describeNode(c.node)}, ${what}`,
    expected: 'a value that is known at compile time: loops are unrolled',
    got: 'one that depends on the data',
  });
}

/** One pass after another, for as many as the trip count and the condition allow. */
function loop(c: ExpandContext, run: RunBody): readonly Value[] {
  const { node, constant } = c;
  const body = bodyOf(node, 'body');
  const limit = c.optional(0);
  const count = limit === undefined ? Number.POSITIVE_INFINITY : steering(c, limit, 'trip count');
  const truth = constant({ dtype: 'bool', shape: [], data: Uint8Array.of(1) });
  let condition = c.optional(1) ?? truth;
  let carried = node.inputs.slice(2).map((_, i) => c.input(i + 2));
  const scans = Array.from({ length: body.outputs.length - 1 - carried.length }, (): Value[] => []);
  for (let pass = 0; pass < count && steering(c, condition, 'condition') !== 0; pass++) {
    const outputs = run(body, [constant(int64([], [pass])), condition, ...carried]);
    condition = outputs[0] ?? truth;
    const results = outputs.slice(1);
    carried = carried.map((old, i) => results[i] ?? old);
    scans.forEach((list, i) => {
      const value = results[carried.length + i];
      if (value !== undefined) list.push(value);
    });
  }
  return [...carried, ...scans.map((list) => stack(c, list, 0))];
}

/** Values of one shape side by side along a new axis. */
function stack({ node, op, reshape }: ExpandContext, values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (first === undefined) {
    throw new GspfError('graph/shape', {
      subject: describeNode(node),
      expected: 'at least one pass, to know what it collects',
      got: 'none',
    });
  }
  const at = axis < 0 ? axis + first.shape.length + 1 : axis;
  const slices = values.map((v) => reshape(v, [...v.shape.slice(0, at), 1, ...v.shape.slice(at)]));
  return slices.length === 1 ? (slices[0] ?? first) : op('Concat', slices, { axis: int(at) });
}

/** One pass for each slice of the scanned inputs. */
function scan(c: ExpandContext, run: RunBody): readonly Value[] {
  const { node } = c;
  const body = bodyOf(node, 'body');
  const scanned = intAttribute(node, 'num_scan_inputs', 0);
  const states = node.inputs.length - scanned;
  const ints = (name: string, i: number): number => intsAttribute(node, name)?.[i] ?? 0;
  const slices = Array.from({ length: scanned }, (_, i) => {
    const list = unstack(c, c.input(states + i), ints('scan_input_axes', i));
    return ints('scan_input_directions', i) === 1 ? list.toReversed() : list;
  });
  let carried = Array.from({ length: states }, (_, i) => c.input(i));
  const lists = Array.from({ length: body.outputs.length - states }, (): Value[] => []);
  for (let pass = 0; pass < (slices[0]?.length ?? 0); pass++) {
    const results = run(body, [...carried, ...slices.flatMap((list) => list[pass] ?? [])]);
    carried = carried.map((old, i) => results[i] ?? old);
    lists.forEach((list, i) => {
      const value = results[states + i];
      if (value !== undefined) list.push(value);
    });
  }
  const collected = lists.map((list, i) => {
    const ordered = ints('scan_output_directions', i) === 1 ? list.toReversed() : list;
    return stack(c, ordered, ints('scan_output_axes', i));
  });
  return [...carried, ...collected];
}

/** The slices of a value along an axis, without that axis. */
function unstack({ ops, constant, reshape }: ExpandContext, value: Value, axis: number): readonly Value[] {
  const at = axis < 0 ? axis + value.shape.length : axis;
  const count = value.shape[at] ?? 0;
  const shape = value.shape.filter((_, i) => i !== at);
  const sizes = constant(int64([count], new Array<number>(count).fill(1)));
  const parts = count === 1 ? [value] : ops('Split', [value, sizes], { axis: int(at) }, count);
  return parts.map((part) => reshape(part, shape));
}
