import { expect, it } from 'vitest';
import { optionsMarkdown } from '../../src/options/markdown.ts';

// To renew the file: npx vitest run test/options -u
it('is what docs/options.md holds', async () => {
  await expect(optionsMarkdown()).toMatchFileSnapshot('../../docs/options.md');
});
