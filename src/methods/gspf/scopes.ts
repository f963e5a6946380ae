import type { SelectOptions } from '../../options/options.ts';

/**
 * The layer of a tensor: its name up to the first numeric part, else its first two parts but never the last.
 *
 * `bert.encoder.layer.1.output.dense.weight` → `bert.encoder.layer.1`; `bert.pooler.dense.weight` → `bert.pooler`;
 * `classifier.bias` → `classifier`.
 */
export function layerOf(name: string): string {
  const parts = name.split('.');
  const numeric = parts.findIndex((part) => /^\d+$/.test(part));
  const length = numeric === -1 ? Math.min(2, parts.length - 1) : numeric + 1;
  return parts.slice(0, length).join('.');
}

/** The units of a scope, in order of their first tensor; the one unit of `global` is called `all`. */
export function scopeUnits<T extends { readonly name: string }>(
  tensors: readonly T[],
  scope: SelectOptions['scope'],
): ReadonlyMap<string, readonly T[]> {
  const units = new Map<string, T[]>();
  for (const tensor of tensors) {
    const unit = scope === 'global' ? 'all' : scope === 'tensor' ? tensor.name : layerOf(tensor.name);
    const members = units.get(unit);
    if (members === undefined) units.set(unit, [tensor]);
    else members.push(tensor);
  }
  return units;
}

/**
 * Splits a budget in proportion to sizes: ⌊budget · size / total⌋ each, the rest by largest remainder, ties in
 * order. Exact integers.
 */
export function apportion(budget: number, sizes: readonly number[]): readonly number[] {
  const total = BigInt(sizes.reduce((sum, size) => sum + size, 0));
  if (total === 0n) return sizes.map(() => 0);
  // budget · size exceeds 2⁵³ for large models.
  const products = sizes.map((size) => BigInt(budget) * BigInt(size));
  const shares = products.map((product) => Number(product / total));
  const rest = budget - shares.reduce((sum, share) => sum + share, 0);
  const byRemainder = products
    .map((product, unit) => ({ unit, remainder: product % total }))
    .sort((a, b) => (a.remainder === b.remainder ? 0 : a.remainder < b.remainder ? 1 : -1));
  for (const { unit } of byRemainder.slice(0, rest)) shares[unit] = (shares[unit] ?? 0) + 1;
  return shares;
}
