// Installs the dependencies of a fresh clone, or of one whose lock file has changed since.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
/** The packages that a lock file lists, less those for other platforms. */
const packages = (path) => {
  try {
    return JSON.parse(readFileSync(new URL(path, root), 'utf8')).packages;
  } catch {
    return undefined;
  }
};

const wanted = packages('package-lock.json') ?? {};
const installed = packages('node_modules/.package-lock.json');
const missing = Object.entries(wanted).filter(
  ([name, { version, optional }]) => name !== '' && !optional && installed?.[name]?.version !== version,
);
if (missing.length > 0) {
  console.error(`Installing ${missing.length} packages …`);
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    // The CUDA libraries that onnxruntime-node would download are not needed on CPU.
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
    shell: process.platform === 'win32',
  });
  process.exitCode = status ?? 1;
}
