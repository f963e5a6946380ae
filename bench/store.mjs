// What was measured so far, row by row, in a file that is whole at any time.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Opens the results of earlier sittings.
 *
 * @param circumstances What must be the same for results to go together: processor, sources, shape, threads.
 */
export function openStore(file, circumstances) {
  const content = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { rows: {} };
  const isSame = (row) => JSON.stringify(row?.circumstances) === JSON.stringify(circumstances);
  const save = () => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.tmp`, `${JSON.stringify(content, null, 1)}\n`);
    renameSync(`${file}.tmp`, file);
  };
  return {
    /** The rows that were measured under these circumstances, or all that there are. */
    rows: ({ all }) =>
      Object.fromEntries(Object.entries(content.rows).filter(([, row]) => all || isSame(row))),
    /** The measured pairs of a row, none where they are of other circumstances. */
    pairsOf: (id) => (isSame(content.rows[id]) ? content.rows[id].pairs : []),
    put: (id, row) => {
      content.rows[id] = { ...row, circumstances };
      save();
    },
  };
}
