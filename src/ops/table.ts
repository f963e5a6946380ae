import { GspfError, suggest } from '../errors.ts';
import { describeNode, type Node } from '../graph/graph.ts';
import { broadcasting } from './broadcasting.ts';
import { constants } from './constants.ts';
import { convolution } from './convolution.ts';
import { type OpDefinition, type OpType, opTypes } from './definition.ts';
import { elementwise } from './elementwise.ts';
import { indexing } from './indexing.ts';
import { normalization } from './normalization.ts';
import { pooling } from './pooling.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';
import { reshaping } from './reshape.ts';
import { slicing } from './slicing.ts';

/** Every operator that graphs may hold. A name in `opTypes` without a definition does not compile. */
export const operators: { readonly [T in OpType]: OpDefinition } = {
  ...broadcasting,
  ...constants,
  ...convolution,
  ...elementwise,
  ...indexing,
  ...normalization,
  ...pooling,
  ...products,
  ...reductions,
  ...reshaping,
  ...slicing,
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
    hint: suggest(node.opType, opTypes),
  });
}
