// Only the comparisons with outside implementations. Ends with `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), 'gspf-oracles-'));
const report = join(scratch, 'tests.json');
const tests = [
  'test/oracles',
  'test/methods/gspf/oracle.test.ts',
  'test/optim',
  'test/metrics',
  'test/gradparity',
];
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', ...tests, '--reporter=default', '--reporter=json', `--outputFile=${report}`],
  { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' },
);
const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'));
rmSync(scratch, { recursive: true });
console.log(`\n${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
process.exitCode = status ?? 1;
