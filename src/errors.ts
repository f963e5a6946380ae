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

/** The candidate nearest to `name` by edit distance, or undefined when none is near enough to be meant. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length * 0.5)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
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

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
