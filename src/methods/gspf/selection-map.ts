import { layerOf } from './scopes.ts';

/** A tensor with its selected weights. */
export interface SelectionCell {
  readonly tensor: string;
  readonly selected: number;
  readonly weights: number;
}

/** Where selected weights lie: one row for each type of tensor, one column for each layer. */
export interface SelectionMap {
  /** The layers' names by number. */
  readonly layers: readonly string[];
  /** Types of tensors, as what is left of the name after the layer; null where a layer has no such tensor. */
  readonly types: readonly { readonly type: string; readonly cells: readonly (SelectionCell | null)[] }[];
  /** The tensors outside of layers. */
  readonly others: readonly SelectionCell[];
  readonly selected: number;
  readonly weights: number;
}

/**
 * Lays out a selection by layer and type of tensor.
 *
 * @param sizes Weights of every tensor of the model, in tensor order.
 * @param perTensor Selected weights by tensor; a tensor without any is absent.
 */
export function selectionMap(
  sizes: Readonly<Record<string, number>>,
  perTensor: Readonly<Record<string, number>>,
): SelectionMap {
  const cells = Object.entries(sizes).map(([tensor, weights]) => ({
    tensor,
    weights,
    selected: perTensor[tensor] ?? 0,
  }));
  const isInLayer = ({ tensor }: SelectionCell): boolean => /\.\d+$/.test(layerOf(tensor));
  const inLayers = cells.filter(isInLayer);
  const layers = [...new Set(inLayers.map(({ tensor }) => layerOf(tensor)))].sort(byNumbers);
  const typeOf = (tensor: string): string => tensor.slice(layerOf(tensor).length + 1);
  const types = [...new Set(inLayers.map(({ tensor }) => typeOf(tensor)))];
  const byName = new Map(inLayers.map((cell) => [cell.tensor, cell]));
  const sum = (of: (cell: SelectionCell) => number): number =>
    cells.reduce((total, cell) => total + of(cell), 0);
  return {
    layers,
    types: types.map((type) => ({
      type,
      cells: layers.map((layer) => byName.get(`${layer}.${type}`) ?? null),
    })),
    others: cells.filter((cell) => !isInLayer(cell)),
    selected: sum(({ selected }) => selected),
    weights: sum(({ weights }) => weights),
  };
}

/** `layer.2` before `layer.10`. */
const collator = new Intl.Collator('en', { numeric: true });

function byNumbers(a: string, b: string): number {
  return collator.compare(a, b);
}
