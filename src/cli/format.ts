const counts = new Intl.NumberFormat('en');
const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** `22,713,986`. */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** `1 row`, `3 rows`; a plural that takes more than an s is given. */
export function plural(count: number, noun: string, several: string = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : several}`;
}

/** A fraction as `0.3 %`, to three digits. */
export function formatShare(share: number): string {
  return `${threeDigits.format(100 * share)} %`;
}

/** `512 bytes`, `408 kB`, `1.25 GB`: decimal units, three digits. */
export function formatBytes(sizeBytes: number): string {
  if (sizeBytes < 1000) return plural(sizeBytes, 'byte');
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(Math.floor(Math.log10(sizeBytes) / 3), units.length);
  return `${threeDigits.format(sizeBytes / 1000 ** power)} ${units[power - 1]}`;
}

/** `820 ms`, `12.3 s`, `2 min 05 s`, `1 h 02 min`. */
export function formatDuration(elapsedMs: number): string {
  if (elapsedMs < 999.5) return `${Math.round(elapsedMs)} ms`;
  if (elapsedMs < 59_950) return `${(elapsedMs / 1000).toFixed(1)} s`;
  const seconds = Math.round(elapsedMs / 1000);
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  return hours === 0
    ? `${minutes} min ${twoDigits(seconds % 60)} s`
    : `${hours} h ${twoDigits(minutes % 60)} min`;
}

function twoDigits(number: number): string {
  return `${number}`.padStart(2, '0');
}

/** Metrics that are shares, alone or of a part: `f1_PER`, `accuracy_matched`. */
const shares = /(^|_)(accuracy|f1|precision|recall|exact_match)(_|$)/;

/** How a metric is called in text: `f1_macro` is `macro F1`, `f1_PER` is `F1 PER`. */
export function metricName(name: string): string {
  if (name === 'f1_macro') return 'macro F1';
  return shares.test(name) ? name.replace(/(?<![a-z])f1(?![a-z])/, 'F1').replaceAll('_', ' ') : name;
}

/** Shares as `84.06 %`, other metrics (a loss, a correlation) with four decimals. */
export function formatMetric(name: string, value: number): string {
  return shares.test(name) ? `${(100 * value).toFixed(2)} %` : value.toFixed(4);
}

/** Rows of cells as lines: each column as wide as its widest cell, two spaces between, numbers to the right. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  { right = [], indent = '' }: { readonly right?: readonly number[]; readonly indent?: string } = {},
): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows
    .map((row) => {
      const cells = row.map((cell, i) =>
        right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      );
      return `${indent}${cells.join('  ')}`.trimEnd();
    })
    .join('\n');
}

/** A word of a command line as a POSIX shell takes it, in quotes where it needs them. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
