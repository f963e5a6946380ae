// What is being measured, and how long it will take: a line that is written over on a terminal, lines elsewhere.

/** @param pairsOf How many pairs a row is to have. */
export function createProgress(pairsOf, stream = process.stderr) {
  let rows = [];
  const begun = new Map();
  const timed = new Map();
  const live = stream.isTTY && process.env.TERM !== 'dumb' && !process.env.CI;
  let current = '';
  const clear = () => {
    if (live && current !== '') stream.write('\r\u001b[K');
    current = '';
  };
  const say = (text) => {
    clear();
    stream.write(`${text}\n`);
  };
  /** Seconds that a row will yet take: as long as its pairs took so far, or as expected. */
  const left = (row, done) => {
    const times = timed.get(row.id) ?? [];
    const mean = times.length === 0 ? row.expected.pair : times.reduce((a, b) => a + b, 0) / times.length;
    return (begun.has(row.id) ? 0 : row.expected.start) + mean * Math.max(0, pairsOf(row) - done);
  };
  return {
    say,
    /** Takes the rows that will be measured. */
    plan: (planned) => {
      rows = planned;
    },
    begin: (row) => {
      show(`${row.id}  starting`, row, 0);
    },
    ready: (row) => {
      begun.set(row.id, true);
    },
    pair: (row, done, seconds, text) => {
      timed.set(row.id, [...(timed.get(row.id) ?? []), seconds]);
      show(`${row.id}  pair ${done}/${pairsOf(row)}  ${text}`, row, done);
    },
    end: clear,
  };

  function show(text, row, done) {
    const rest = rows
      .slice(rows.indexOf(row) + 1)
      .reduce((sum, other) => sum + left(other, 0), left(row, done));
    const line = `${text}  ${duration(rest)} left`;
    if (!live) return say(line);
    clear();
    current = line.slice(0, (stream.columns ?? 80) - 1);
    stream.write(current);
  }
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
