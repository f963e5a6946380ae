import { isMainThread } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { nodeEnvironment } from '../../src/node/environment.ts';

const BLOCK = 15 * 2 ** 20;
const BLOCKS = 10;

const { retainMemory, reclaim, memory } = nodeEnvironment({ threads: 1 });
const retains = retainMemory?.() ?? false;
if (!retains)
  console.log(`skipped: freed memory is retained with glibc in the main thread (${isMainThread})`);

test.skipIf(!retains)('memory that was used and freed is used again, and none before', () => {
  const before = memory().rssBytes;
  const use = (): void => {
    const blocks = Array.from({ length: BLOCKS }, () => new Uint8Array(BLOCK).fill(1));
    expect(memory().rssBytes - before).toBeGreaterThan(0.9 * BLOCK * BLOCKS);
    expect(blocks).toHaveLength(BLOCKS);
  };
  use();
  reclaim?.();
  reclaim?.();
  const freed = memory().rssBytes;
  expect(freed - before).toBeGreaterThan(0.9 * BLOCK * BLOCKS);
  use();
  expect(memory().rssBytes - freed).toBeLessThan(BLOCK);
});

test.skipIf(!retains)('asked for again, is retained already, and takes no more', () => {
  const before = memory().rssBytes;
  expect(retainMemory?.()).toBe(true);
  expect(memory().rssBytes - before).toBeLessThan(BLOCK);
});
