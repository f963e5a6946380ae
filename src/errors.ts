/** What went wrong, in parts: every message reads `subject: expected …, got … (hint)`. */
export interface ErrorDetails {
  /** The thing at fault: a file, a node, a tensor, an option. */
  readonly subject: string;
  readonly expected?: string;
  readonly got?: string;
  /** What to do about it. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * The codes of every error that gspf throws; `docs/errors.md` has a paragraph on each.
 *
 * `usage/*` and `input/*` mean that the caller can mend it (exit status 2), the others that the work failed
 * (exit status 1).
 */
export const errorCodes = [
  'usage/option',
  'usage/cancelled',
  'input/missing-file',
  'input/data',
  'input/model',
  'input/onnx',
  'input/safetensors',
  'input/tokenizer',
  'input/patch',
  'input/patch-base',
  'input/exists',
  'input/locked',
  'input/hub-denied',
  'input/hub-missing',
  'input/hub-offline',
  'graph/invalid',
  'graph/shape',
  'graph/operator',
  'graph/not-differentiable',
  'hub/unreachable',
  'hub/damaged',
  'output/failed',
  'runtime/failed',
  'training/diverged',
  'training/frozen-changed',
] as const;

/** What a {@link GspfError} is about: docs/errors.md has a paragraph on each. */
export type ErrorCode = (typeof errorCodes)[number];

/** The one error class of the package: a code to branch on, and a message that says what to do. */
export class GspfError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails) {
    super(describe(details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'GspfError';
    this.code = code;
    this.details = details;
  }
}

function describe({ subject, expected, got, hint }: ErrorDetails): string {
  const clauses = [
    expected === undefined ? undefined : `expected ${expected}`,
    got === undefined ? undefined : `got ${got}`,
  ].filter((clause) => clause !== undefined);
  const body = clauses.length === 0 ? subject : `${subject}: ${clauses.join(', ')}`;
  return hint === undefined || hint === '' ? body : `${body}. ${hint}`;
}

/**
 * The candidate nearest to `name`, or undefined when none is near enough to be meant: word by word a few slips apart, or
 * with words more or fewer at one end.
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = nameDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance !== undefined && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `Did you mean "x"?` for the nearest candidate, or the list of all when there are few. */
export function suggest(name: string, candidates: Iterable<string>): string {
  const all = [...candidates];
  const nearest = nearestName(name, all);
  if (nearest !== undefined) return `Did you mean "${nearest}"?`;
  return all.length <= 12 ? `Known: ${all.join(', ')}.` : '';
}

/** More slips than these, or than this share of the letters, make another word. */
const MOST_SLIPS = 3;
const SLIPS_PER_LETTER = 0.4;

/** The slips between two names that may mean the same; undefined for others. */
function nameDistance(name: string, candidate: string): number | undefined {
  const [a, b] = [wordsOf(name), wordsOf(candidate)];
  let start = 0;
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start++;
  let end = 0;
  const rest = Math.min(a.length, b.length) - start;
  while (end < rest && a.at(-1 - end) === b.at(-1 - end)) end++;
  const [mine, other] = [a, b].map((words) => words.slice(start, words.length - end));
  if (mine === undefined || other === undefined) return undefined;
  if (start + end > 0 && (mine.length === 0 || other.length === 0))
    return [...mine, ...other].join('').length;
  const pairs =
    mine.length === other.length
      ? mine.map((word, i) => [word, other[i] ?? ''] as const)
      : [[mine.join(''), other.join('')] as const];
  const distances = pairs.map(([x, y]) => {
    const slips = editDistance(x, y);
    return slips <= Math.min(MOST_SLIPS, SLIPS_PER_LETTER * Math.max(x.length, y.length)) ? slips : undefined;
  });
  return distances.reduce(
    (sum, slips) => (sum === undefined || slips === undefined ? undefined : sum + slips),
    0,
  );
}

/** A name's words, and what stands between them. */
const wordsOf = (name: string): readonly string[] => name.split(/(?<=[^a-z0-9])|(?=[^a-z0-9])/);

/** Letters to insert, leave out, replace, or exchange with the next, to make one name of the other. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const substitution = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isExchange = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchange = isExchange ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(substitution, exchange, at(i - 1, j) + 1, at(i, j - 1) + 1));
    }
  }
  return at(a.length, b.length);
}
