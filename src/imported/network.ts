import { GspfError } from '../errors.ts';
import type { Parameter } from '../models/parameters.ts';
import type { SequenceNetwork } from '../objectives/network.ts';
import type { Objective } from '../objectives/objective.ts';
import type { GraphOptions } from '../options/options.ts';
import type { Tensor } from '../tensor.ts';
import { baseGraph, forwardGraph, LOGITS, outputOf } from './forward.ts';
import { typeOfValue, withHead } from './head.ts';
import { type ImportedGraph, tieWeights } from './import.ts';
import { importedFeatures, textRoles } from './text-inputs.ts';
import { copiesOf } from './ties.ts';

/** What an imported graph is to be read as. */
export interface ImportedNetworkOptions extends GraphOptions {
  /** The model's name, for messages. */
  readonly source: string;
  /** Numbers for each text. */
  readonly width: number;
  readonly padTokenId: number;
}

/** The keys of a patch's metadata that say how the graph was read. */
export const graphMetadata = { output: 'graph_output', headOn: 'graph_head_on', tie: 'graph_tie' } as const;

/** What training asks of an imported graph, whatever it reads. */
type ImportedBody = Pick<
  Objective,
  'parameters' | 'statistics' | 'zeroGradient' | 'copies' | 'patchMetadata'
>;

/** The weights of an imported graph, and what a patch must say of it. */
export function importedBody(
  imported: ImportedGraph,
  { output, headOn, tie }: GraphOptions,
): { readonly model: ImportedGraph; readonly body: ImportedBody } {
  const model = tie ? tieWeights(imported) : imported;
  const parameters = [...model.weights].map(
    ([name, { shape }]): Parameter => ({ name, shape, initialization: 'zeros' }),
  );
  const body: ImportedBody = {
    parameters,
    statistics: [...model.statistics.keys()],
    zeroGradient: [],
    copies: tie
      ? (weights: ReadonlyMap<string, Tensor<'float32'>>) => copiesOf(imported.ties, weights)
      : undefined,
    patchMetadata: {
      ...(output !== null && { [graphMetadata.output]: output }),
      ...(headOn !== null && { [graphMetadata.headOn]: headOn }),
      ...(tie && { [graphMetadata.tie]: 'true' }),
    },
  };
  return { model, body };
}

/**
 * An imported graph that reads texts, with its own head or a new one.
 *
 * @throws `usage/option` for names that the graph lacks, `input/model` for a head of another width.
 */
export function importedNetwork(imported: ImportedGraph, options: ImportedNetworkOptions): SequenceNetwork {
  const { source, width, output, headOn, padTokenId } = options;
  const { model, body } = importedBody(imported, options);
  const roles = textRoles(model.graph, source);
  const sequences = new Set(roles.keys());
  const shared = {
    ...body,
    features: (texts: Parameters<SequenceNetwork['features']>[0]) =>
      importedFeatures(model.graph, roles, texts, padTokenId),
  };
  const outputs = [{ name: LOGITS, dtype: 'float32', shape: ['batch', width] } as const];
  if (headOn !== null) {
    const mask = [...roles].find(([, role]) => role === 'mask')?.[0];
    const plan = { on: headOn, each: 'example', width, mask } as const;
    const { graph, parameters } = withHead(baseGraph(model, sequences), plan, LOGITS);
    return {
      ...shared,
      parameters: [...body.parameters, ...parameters],
      graph: () => ({ ...graph, outputs }),
    };
  }
  const trained = outputOf(model.graph, output);
  const forward = forwardGraph(model, trained, sequences);
  const { shape } = typeOfValue(forward, LOGITS);
  if (shape.length !== 2 || shape[1] !== width) {
    throw new GspfError('input/model', {
      subject: `${source}, output "${trained}"`,
      expected: `${width} numbers for each text, [batch, ${width}]`,
      got: `[${shape.join(', ')}]`,
      hint: 'Put a new head on one of its values: --head-on NAME (gspf doctor lists the outputs).',
    });
  }
  return { ...shared, graph: () => ({ ...forward, outputs }) };
}
