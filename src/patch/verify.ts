import { GspfError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import { checkFits, exchange, requireBase } from './apply.ts';
import { changedIndices, gather, sameBits } from './bits.ts';
import { baseSha256, type CreateSha256 } from './hash.ts';
import type { Patch } from './patch.ts';

/** One thing that {@link verifyPatch} looked at. */
export interface PatchCheck {
  readonly name: 'base' | 'fit' | 'apply' | 'revert';
  readonly ok: boolean;
  /** What was found, in a sentence. */
  readonly detail: string;
}

/**
 * Tries a patch on a base without changing either: that the base is the right one, that names, types and
 * indices fit, that applying changes what the patch names and not a bit more, and that reverting restores every
 * bit. It throws no failures but reports them.
 */
export function verifyPatch(
  base: ReadonlyMap<string, Tensor>,
  patch: Patch,
  { createSha256 }: { readonly createSha256: CreateSha256 },
): readonly PatchCheck[] {
  const sha256 = baseSha256(base, createSha256);
  const first = [
    check('base', `The base has sha256 ${sha256}.`, () => requireBase(patch.metadata, sha256)),
    check('fit', 'Names, types and indices fit the base.', () => checkFits(base, patch)),
  ];
  if (!first.every(({ ok }) => ok)) {
    const detail = 'Not tried, for the reason above.';
    return [...first, { name: 'apply', ok: false, detail }, { name: 'revert', ok: false, detail }];
  }
  const { tensors: merged, previous } = exchange(base, patch);
  const { tensors: restored } = exchange(merged, previous);
  const strays = straying(base, merged, patch);
  const unlike = differing(base, restored);
  return [
    ...first,
    {
      name: 'apply',
      ok: strays.length === 0,
      detail:
        strays.length === 0 ? 'What the patch does not name is unchanged.' : `Strays in ${list(strays)}.`,
    },
    {
      name: 'revert',
      ok: unlike.length === 0,
      detail: unlike.length === 0 ? 'Every bit is restored.' : `Not restored: ${list(unlike)}.`,
    },
  ];
}

function check(name: PatchCheck['name'], success: string, attempt: () => void): PatchCheck {
  try {
    attempt();
    return { name, ok: true, detail: success };
  } catch (error) {
    if (error instanceof GspfError) return { name, ok: false, detail: error.message };
    throw error;
  }
}

/** Names of tensors that do not hold what the patch says, or that differ from the base where it says nothing. */
function straying(
  base: ReadonlyMap<string, Tensor>,
  merged: ReadonlyMap<string, Tensor>,
  { tensors, removed }: Patch,
): readonly string[] {
  const names = new Set([...base.keys(), ...merged.keys()]);
  return [...names].filter((name) => {
    const before = base.get(name);
    const after = merged.get(name);
    const update = tensors.get(name);
    if (after === undefined) return !removed.includes(name);
    if (update?.kind === 'dense') return !sameBits(after, update.tensor);
    if (before === undefined) return true;
    if (update === undefined) return !sameBits(before, after);
    return (
      !sameBits(gather(after, update.indices), update.values) ||
      !isSubset(changedIndices(before, after), update.indices)
    );
  });
}

/** Whether all of some ascending numbers are among others. */
function isSubset(some: Float64Array, others: Float64Array): boolean {
  let at = 0;
  return some.every((number) => {
    while (at < others.length && (others[at] ?? number) < number) at++;
    return others[at] === number;
  });
}

function differing(a: ReadonlyMap<string, Tensor>, b: ReadonlyMap<string, Tensor>): readonly string[] {
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].filter((name) => {
    const left = a.get(name);
    const right = b.get(name);
    return left === undefined || right === undefined || !sameBits(left, right);
  });
}

function list(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ');
}
