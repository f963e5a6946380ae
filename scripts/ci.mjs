// Everything that must hold before a change lands: the tests, then each check. Ends with `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), 'gspf-ci-'));
const report = join(scratch, 'tests.json');

const run = (command, args) => {
  console.log(`\n$ ${command} ${args.join(' ')}`);
  const since = performance.now();
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  console.log(
    `  ${status === 0 ? 'ok' : 'FAILED'} after ${((performance.now() - since) / 1000).toFixed(1)} s`,
  );
  return status === 0;
};

const testsOk = run('npm', ['test', '--', '--reporter=default', '--reporter=json', `--outputFile=${report}`]);
const counts = { passed: 0, failed: 0, skipped: 0 };
try {
  const tests = JSON.parse(readFileSync(report, 'utf8'));
  counts.passed = tests.numPassedTests;
  counts.failed = tests.numFailedTests;
  counts.skipped = tests.numPendingTests;
} catch {
  // No report: the tests did not get as far as running.
}
if (!testsOk && counts.failed === 0) counts.failed = 1;

const checks = ['lint', 'types', 'build', 'package', 'unused', 'docs'];
for (const check of checks)
  counts[run('npm', ['run', '--silent', `check:${check}`]) ? 'passed' : 'failed'] += 1;

rmSync(scratch, { recursive: true });
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed > 0 ? 1 : 0;
