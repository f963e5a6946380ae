/** Where two texts agree: code unit `inFirst[i]` of the one is `inSecond[i]` of the other; both ascend. */
export interface CommonSubsequence {
  readonly inFirst: Int32Array;
  readonly inSecond: Int32Array;
}

/** Differences beyond which texts are taken to agree at their ends only; time and memory grow with the square. */
const MOST_EDITS = 4000;

/** A longest common subsequence of two texts. Source: Myers 1986, An O(ND) difference algorithm, section 4 */
export function commonSubsequence(first: string, second: string): CommonSubsequence {
  const shorter = Math.min(first.length, second.length);
  let prefix = 0;
  while (prefix < shorter && first[prefix] === second[prefix]) prefix++;
  let suffix = 0;
  while (suffix < shorter - prefix && first.at(-1 - suffix) === second.at(-1 - suffix)) suffix++;
  const ends = [first.length - suffix, second.length - suffix] as const;
  const middle = matches(first.slice(prefix, ends[0]), second.slice(prefix, ends[1]));
  const steps = (length: number): number[] => Array.from({ length }, (_, index) => index);
  return {
    inFirst: Int32Array.from([
      ...steps(prefix),
      ...middle.map(([x]) => prefix + x),
      ...steps(suffix).map((index) => ends[0] + index),
    ]),
    inSecond: Int32Array.from([
      ...steps(prefix),
      ...middle.map(([, y]) => prefix + y),
      ...steps(suffix).map((index) => ends[1] + index),
    ]),
  };
}

function matches(a: string, b: string): [number, number][] {
  const most = Math.min(a.length + b.length, MOST_EDITS);
  // furthest[most + 1 + k]: how far in `a` the paths of so many edits come that have left out k more of `a` than of `b`.
  const furthest = new Int32Array(2 * most + 3);
  const history: Int32Array[] = [];
  const origin = most + 1;
  const isDown = (k: number, edits: number): boolean =>
    k === -edits || (k !== edits && (furthest[origin + k - 1] ?? 0) < (furthest[origin + k + 1] ?? 0));
  for (let edits = 0; edits <= most; edits++) {
    const reached = new Int32Array(2 * edits + 1);
    for (let k = -edits; k <= edits; k += 2) {
      const down = isDown(k, edits);
      let x = edits === 0 ? 0 : (furthest[origin + (down ? k + 1 : k - 1)] ?? 0) + (down ? 0 : 1);
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      furthest[origin + k] = x;
      reached[edits + k] = x;
      if (x >= a.length && x - k >= b.length) return trace(history, a.length, b.length);
    }
    history.push(reached);
  }
  return [];
}

/** The matches on the path to the ends of both texts, backwards through what was reached by fewer and fewer edits. */
function trace(history: readonly Int32Array[], lengthA: number, lengthB: number): [number, number][] {
  const found: [number, number][] = [];
  let [x, y] = [lengthA, lengthB];
  for (let edits = history.length; edits >= 0; edits--) {
    const reached = (k: number): number => history[edits - 1]?.[edits - 1 + k] ?? 0;
    const k = x - y;
    const down = k === -edits || (k !== edits && reached(k - 1) < reached(k + 1));
    const from = edits === 0 ? 0 : reached(down ? k + 1 : k - 1);
    const before = edits === 0 ? 0 : from - (down ? k + 1 : k - 1);
    while (x > from && y > before) found.push([--x, --y]);
    [x, y] = [from, before];
  }
  return found.reverse();
}
