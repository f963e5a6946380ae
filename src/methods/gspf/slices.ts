import type { Sizes } from '../selection.ts';

/**
 * The tensors in so many groups of about equal size, in tensor order: what is measured in turn under
 * `warmup.slices`. There are fewer groups where there are fewer tensors.
 */
export function sliceTensors(
  names: readonly string[],
  sizes: Sizes,
  slices: number,
): readonly (readonly string[])[] {
  const total = names.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
  const groups: string[][] = Array.from({ length: slices }, () => []);
  let before = 0;
  for (const name of names) {
    const size = sizes.get(name) ?? 0;
    // By the middle of the tensor, so that none falls beyond the last group.
    const group = Math.min(slices - 1, Math.floor(((before + size / 2) / Math.max(total, 1)) * slices));
    groups[group]?.push(name);
    before += size;
  }
  return groups.filter((group) => group.length > 0);
}
