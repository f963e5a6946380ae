import { GspfError } from '../errors.ts';
import type { Graph, ValueInfo } from '../graph/graph.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { Features } from '../objectives/objective.ts';
import { textAt } from '../objectives/text-feeds.ts';
import { fromNumeric } from '../ops/numeric.ts';
import type { Tensor } from '../tensor.ts';

/** What an input of a text model is fed with. */
type Role = 'ids' | 'mask' | 'types' | 'positions';

/**
 * What each input of a graph takes of a text, by its name: that which has "mask" in it, "type" or "segment",
 * "position", and ids otherwise.
 *
 * @throws `input/model` for a graph with an input that is no matrix of numbers.
 */
export function textRoles({ inputs }: Graph, source: string): ReadonlyMap<string, Role> {
  return new Map(
    inputs.map((input): [string, Role] => {
      const isTokens = input.shape.length === 2 && input.dtype !== 'bool';
      if (isTokens) return [input.name, roleOf(input)];
      throw new GspfError('input/model', {
        subject: `${source}, input "${input.name}"`,
        expected: 'a graph that reads token ids [batch, sequence], for a task on texts',
        got: `${input.dtype}[${input.shape.join(', ')}]`,
        hint: 'Give the data as arrays: --data arrays.safetensors.',
      });
    }),
  );
}

function roleOf({ name }: ValueInfo): Role {
  if (/mask/i.test(name)) return 'mask';
  if (/type|segment/i.test(name)) return 'types';
  if (/position/i.test(name)) return 'positions';
  return 'ids';
}

/** The rows and tokens of a graph's text inputs where they are fixed. */
export function fixedExtents({ inputs }: Graph): {
  readonly rows: number | undefined;
  readonly tokens: number | undefined;
} {
  const at = (axis: number): number | undefined =>
    inputs.map(({ shape }) => shape[axis]).find((dim) => typeof dim === 'number');
  return { rows: at(0), tokens: at(1) };
}

/** Texts as a graph of any names reads them. */
export function importedFeatures(
  graph: Graph,
  roles: ReadonlyMap<string, Role>,
  texts: readonly EncodedText[],
  padTokenId: number,
): Features {
  const { rows: fixedRows, tokens } = fixedExtents(graph);
  const inputs = graph.inputs.filter(({ name }) => roles.has(name));
  return {
    lengths: Int32Array.from(texts, ({ ids }) => tokens ?? ids.length),
    truncated: texts.filter(({ truncated }) => truncated).length,
    fixedRows,
    feeds: (rows, length) => {
      const chosen = Array.from(rows, (row) => textAt(texts, row));
      const values = (role: Role, { ids, typeIds }: EncodedText): number[] =>
        Array.from({ length }, (_, i) => {
          if (role === 'ids') return ids[i] ?? padTokenId;
          if (role === 'mask') return i < ids.length ? 1 : 0;
          return role === 'types' ? (typeIds[i] ?? 0) : i;
        });
      return new Map(
        inputs.map(({ name, dtype }): [string, Tensor] => {
          const data = Float64Array.from(chosen.flatMap((text) => values(roles.get(name) ?? 'ids', text)));
          return [name, fromNumeric({ dtype, shape: [chosen.length, length], data })];
        }),
      );
    },
  };
}
