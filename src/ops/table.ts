import { GspfError, suggest } from '../errors.ts';
import { describeNode, type Node } from '../graph/graph.ts';
import { activations } from './activations.ts';
import { affineGrids } from './affine-grid.ts';
import { averagePooling } from './average-pooling.ts';
import { bitwise } from './bitwise.ts';
import { broadcasting } from './broadcasting.ts';
import { channelNormalization } from './channel-normalization.ts';
import { constants } from './constants.ts';
import { convolution } from './convolution.ts';
import { dataDependent } from './data-dependent.ts';
import { type OpDefinition, type OpType, opTypes } from './definition.ts';
import { determinants } from './determinant.ts';
import { dropout } from './dropout.ts';
import { einsum } from './einsum.ts';
import { elementwise } from './elementwise.ts';
import { globalPooling } from './global-pooling.ts';
import { gridSampling } from './grid-sample.ts';
import { indexing } from './indexing.ts';
import { normalization } from './normalization.ts';
import { absentOperators } from './notes.ts';
import { padding } from './padding.ts';
import { pooling } from './pooling.ts';
import { products } from './products.ts';
import { quantization } from './quantization.ts';
import { rearrangement } from './rearrangement.ts';
import { recurrent } from './recurrent/recurrent.ts';
import { reductions } from './reductions.ts';
import { reshaping } from './reshape.ts';
import { resizing } from './resize.ts';
import { rounding } from './rounding.ts';
import { scattering } from './scattering.ts';
import { selection } from './selection.ts';
import { sequences } from './sequences.ts';
import { slicing } from './slicing.ts';
import { trigonometry } from './trigonometry.ts';
import { variadics } from './variadic.ts';
import { vectorNormalization } from './vector-normalization.ts';

/** Every operator that graphs may hold. A name in `opTypes` without a definition does not compile. */
export const operators: { readonly [T in OpType]: OpDefinition } = {
  ...activations,
  ...affineGrids,
  ...averagePooling,
  ...bitwise,
  ...broadcasting,
  ...channelNormalization,
  ...constants,
  ...convolution,
  ...dataDependent,
  ...determinants,
  ...dropout,
  ...einsum,
  ...elementwise,
  ...globalPooling,
  ...gridSampling,
  ...indexing,
  ...normalization,
  ...padding,
  ...pooling,
  ...products,
  ...quantization,
  ...rearrangement,
  ...recurrent,
  ...reductions,
  ...reshaping,
  ...resizing,
  ...rounding,
  ...scattering,
  ...selection,
  ...sequences,
  ...slicing,
  ...trigonometry,
  ...variadics,
  ...vectorNormalization,
};

export function isOpType(name: string): name is OpType {
  return Object.hasOwn(operators, name);
}

/** The definition of a node's operator. @throws `graph/operator` where the table has none. */
export function definitionOf(node: Node): OpDefinition {
  if (isOpType(node.opType)) return operators[node.opType];
  throw new GspfError('graph/operator', {
    subject: describeNode(node),
    expected: 'an operator that gspf knows',
    got: node.opType,
    hint: absence(node.opType) ?? suggest(node.opType, opTypes),
  });
}

function absence(opType: string): string | undefined {
  const reason = Object.hasOwn(absentOperators, opType) ? absentOperators[opType] : undefined;
  return reason === undefined ? undefined : `gspf does not train through it: ${reason}.`;
}
