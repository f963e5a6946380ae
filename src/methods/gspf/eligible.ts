import { GspfError, suggest } from '../../errors.ts';
import type { SelectOptions } from '../../options/options.ts';

/**
 * Which tensors may be trained: globs of which one must match (none: all; the head is exempt), and globs that
 * keep tensors out, the head too.
 */
export type EligibleOptions = Pick<SelectOptions, 'include' | 'exclude' | 'head'>;

/** Orders tensor names by their UTF-8 bytes, which depends on neither file nor framework. */
export function tensorOrder(a: string, b: string): number {
  // UTF-8 orders as code points do; UTF-16, by which strings compare, does not.
  let i = 0;
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
}

/**
 * The tensors that may be trained, in tensor order.
 *
 * @param names Every weight tensor of the model; a tied one under its first name only.
 * @param head The newly initialised ones among them.
 * @param zeroGradient Tensors whose gradient is zero by construction, such as attention key biases.
 * @throws `usage/option` for a glob that matches no tensor, and when nothing is left.
 */
export function eligibleTensors(
  names: readonly string[],
  head: readonly string[],
  options: EligibleOptions,
  zeroGradient: readonly string[],
): readonly string[] {
  const included = new Set(
    options.include.length === 0 ? names : matchingAny(options.include, names, 'select.include'),
  );
  if (options.head === 'always') for (const name of head) included.add(name);
  const excluded =
    options.exclude === 'auto' ? zeroGradient : matchingAny(options.exclude, names, 'select.exclude');
  for (const name of excluded) included.delete(name);
  if (included.size === 0) {
    throw new GspfError('usage/option', {
      subject: 'select.exclude',
      expected: 'some tensor left to train',
      got: 'none',
    });
  }
  return [...included].sort(tensorOrder);
}

function matchingAny(globs: readonly string[], names: readonly string[], option: string): readonly string[] {
  return globs.flatMap((glob) => {
    const pattern = globPattern(glob);
    const matched = names.filter((name) => pattern.test(name));
    if (matched.length > 0) return matched;
    throw new GspfError('usage/option', {
      subject: option,
      expected: 'globs that match a tensor',
      got: `"${glob}"`,
      hint: suggest(glob, names),
    });
  });
}

/** `*` stands for any run of characters, dots too; everything else for itself; the whole name must match. */
function globPattern(glob: string): RegExp {
  const literals = glob.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${literals.join('.*')}$`, 's');
}
