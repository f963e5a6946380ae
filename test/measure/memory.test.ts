import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryByCategory, memoryCategories, readProcessStatus } from '../../src/measure/memory.ts';
import { nodeEnvironment } from '../../src/node/environment.ts';

const bytes = fc.integer({ min: 0, max: 2 ** 33 });

describe('memoryByCategory', () => {
  test('adds up to the peak, or to what is held where that is more', () => {
    const held = fc.record({
      weights: bytes,
      gradients: bytes,
      optimizer: bytes,
      activations: bytes,
      prefix: bytes,
    });
    const process = fc.record({ rssBytes: bytes, peakRssBytes: bytes, heapBytes: bytes });
    fc.assert(
      fc.property(held, process, fc.option(bytes, { nil: undefined }), (held, process, fileBytes) => {
        const report = memoryByCategory(held, { ...process, fileBytes });
        const sum = memoryCategories.reduce((total, category) => total + report[category], 0);
        const asked = Object.values(held).reduce((a, b) => a + b, process.heapBytes + (fileBytes ?? 0));
        expect(sum).toBe(Math.max(asked, process.peakRssBytes));
      }),
    );
  });

  test('says null where the system does not tell', () => {
    const held = { weights: 1, gradients: 2, optimizer: 3, activations: 4, prefix: 5 };
    expect(memoryByCategory(held, { rssBytes: 90, peakRssBytes: 100, heapBytes: 6 })).toEqual({
      ...held,
      heap: 6,
      runtime: 0,
      rest: 79,
      peakRssBytes: 100,
      anonBytes: null,
      fileBytes: null,
    });
  });
});

test('readProcessStatus reads what proc(5) describes', () => {
  const text =
    'Name:\tnode\nVmPeak:\t 2000 kB\nVmHWM:\t   70 kB\nRssAnon:\t   30 kB\nRssFile:\t   20 kB\nRssShmem:\t    4 kB\n';
  expect(readProcessStatus(text)).toEqual({
    peakRssBytes: 70 * 1024,
    anonBytes: 30 * 1024,
    fileBytes: 24 * 1024,
  });
  expect(readProcessStatus('')).toEqual({});
});

test.skipIf(process.platform !== 'linux')(
  'Linux divides resident memory into pages of files and others',
  () => {
    const { rssBytes, peakRssBytes, anonBytes = 0, fileBytes = 0 } = nodeEnvironment().memory();
    expect(peakRssBytes).toBeGreaterThan(0);
    // Two readings of a process that goes on working: to a tenth.
    expect(Math.abs(anonBytes + fileBytes - rssBytes)).toBeLessThan(0.1 * rssBytes);
  },
);
