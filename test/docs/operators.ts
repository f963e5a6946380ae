import type { Attribute } from '../../src/graph/graph.ts';
import { rewrittenOperators } from '../../src/onnx/rewritten.ts';
import { type OpType, opTypes } from '../../src/ops/definition.ts';
import { absentOperators, operatorNotes } from '../../src/ops/notes.ts';
import { rewrittenTypes } from '../../src/ops/rewrites.ts';
import { operators } from '../../src/ops/table.ts';
import schemaFile from '../fixtures/onnx-schemas/schemas.json' with { type: 'json' };
import { specs } from '../gradcheck/specs.ts';

/** What ONNX itself says of an operator. */
export interface Schema {
  readonly since: readonly number[];
  readonly inputs: readonly string[];
  readonly attributes: readonly string[];
}

export const schemas: Readonly<Record<string, Schema>> = schemaFile;

/** The attributes that rows of the gradient check set, each with the strings tried. */
export function triedAttributes(op: OpType): ReadonlyMap<string, ReadonlySet<string>> {
  const tried = new Map<string, Set<string>>();
  for (const { attributes } of specs.filter((spec) => spec.op === op)) {
    for (const [name, value] of Object.entries(attributes)) {
      const values = tried.get(name) ?? new Set();
      tried.set(name, values.add(text(value)));
    }
  }
  return tried;
}

function text(attribute: Attribute): string {
  return attribute.type === 'tensor' ? 'a tensor' : `${attribute.value}`;
}

/** The names of an operator's inputs, split by whether they have a gradient. */
export function inputsOf(op: OpType) {
  const { gradients } = operators[op];
  const names = schemas[op]?.inputs ?? [];
  const has = (i: number) => gradients[Math.min(i, gradients.length - 1)] !== null;
  return { with: names.filter((_, i) => has(i)), without: names.filter((_, i) => !has(i)) };
}

/** `docs/operators.md`. */
export function operatorsMarkdown(): string {
  const rows = opTypes.map((op) => {
    const { fixed, refused } = operatorNotes[op];
    const inputs = inputsOf(op);
    const tried = [...triedAttributes(op)].map(([name, values]) => {
      const list = [...values].filter((value) => value !== '');
      return `${name} ${list.length > 6 ? `(${list.length} values)` : list.join(' / ')}`;
    });
    return [
      op,
      schemas[op]?.since.join(', ') ?? '',
      inputs.with.join(', ') || 'none',
      inputs.without.length === 0 ? '' : `${inputs.without.join(', ')}: ${fixed ?? ''}`,
      `${specs.filter((spec) => spec.op === op).length}`,
      tried.join('; '),
      refused ?? '',
    ];
  });
  return `# Operators

What an ONNX graph may hold to be trained, generated from the table of operators, its notes, ONNX's own schemas and the
rows of the gradient check (\`test/gradcheck\`). Every gradient agrees with central differences in float64 within 1e-6,
and onnxruntime with the reference kernels, in each of the rows counted here.

*Opsets* are those that changed the operator. An input without a gradient gets none, and nothing behind it is trained
through it. What is *refused* ends in the error \`graph/operator\` or \`graph/shape\`, with the node's name.

${table(['operator', 'opsets', 'gradient in', 'no gradient in', 'rows', 'attributes tried', 'refused'], rows)}
## Rewritten

These become simpler operators when a model is read: ${Object.keys(rewrittenOperators).sort().join(', ')}.

These do once all shapes are known, some of them in some of their forms only: ${rewrittenTypes.toSorted().join(', ')}. Of \`If\`, \`Loop\` and
\`Scan\`, condition and number of passes must be known by then.

## Absent

A graph that needs one of these ends in the error \`graph/operator\`.

${table(
  ['operator', 'why'],
  Object.entries(absentOperators).map((row) => [...row]),
)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}
