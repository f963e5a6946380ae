import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'src/**/*.test.ts'],
    env: { ORT_DISABLE_TELEMETRY: '1' },
    testTimeout: 60_000,
  },
});
