import { z } from 'zod';
import type { Graph } from '../graph/graph.ts';
import { headName } from '../imported/head.ts';
import { graphMetadata } from '../imported/network.ts';
import { arrayMetadata } from '../objectives/arrays.ts';
import { type LossName, lossNames } from '../options/loss-names.ts';
import type { GraphOptions } from '../options/options.ts';
import type { Patch } from '../patch/patch.ts';

/** A graph as the file has it. */
export const wholeGraph: GraphOptions = { output: null, headOn: null, tie: false };

/** How a graph was read when a patch for it was trained. */
export interface ReadAs {
  readonly graph: GraphOptions;
  /** Of arrays and tables; undefined for other tasks. */
  readonly loss: LossName | undefined;
  /** The columns of features of a table, in order. */
  readonly columns: readonly string[] | undefined;
}

/** What a patch says of how its graph was read; a graph without one is read as the file has it. */
export function readAs(patch: Patch | undefined): ReadAs {
  const extra = patch?.metadata.extra ?? {};
  const output = extra[graphMetadata.output] ?? null;
  const headOn = extra[graphMetadata.headOn] ?? null;
  return {
    graph: { ...wholeGraph, output, headOn },
    loss: lossSchema.parse(extra[arrayMetadata.loss]),
    columns: columnsSchema.parse(extra[arrayMetadata.columns]),
  };
}

/** The width of the head that a patch brings for a graph; undefined for one without. */
export function headWidth(patch: Patch | undefined, graph: Graph): number | undefined {
  const update = patch?.tensors.get(`${headName(graph)}.weight`);
  return update?.kind === 'dense' ? update.tensor.shape[0] : undefined;
}

const lossSchema = z.enum(lossNames).optional().catch(undefined);

const columnsSchema = z
  .string()
  .transform((json): unknown => JSON.parse(json))
  .pipe(z.array(z.string()))
  .optional()
  .catch(undefined);
