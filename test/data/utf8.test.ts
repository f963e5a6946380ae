import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf8 } from '../../src/data/utf8.ts';
import { failure } from './failure.ts';

describe('decodeUtf8', () => {
  it('decodes any text and drops a byte order mark', () => {
    const encoder = new TextEncoder();
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(decodeUtf8(encoder.encode(`\ufeff${text}`), 'x')).toBe(text);
      }),
    );
  });

  it('names the line of the first malformed byte', () => {
    const latin1 = Uint8Array.from(Buffer.from('text\nfine\ncaf\u00e9\nna\u00efve\n', 'latin1'));
    expect(failure(() => decodeUtf8(latin1, 'x.csv'))).toBe(
      'input/data: x.csv:3: expected UTF-8 text, got bytes that are not UTF-8. Save the file as UTF-8.',
    );
  });

  it('recognises UTF-16, and a sequence cut off at the end', () => {
    const utf16 = Uint8Array.from(Buffer.from('\ufeffa\n', 'utf16le'));
    expect(failure(() => decodeUtf8(utf16, 'x'))).toContain('x:1: expected UTF-8 text, got UTF-16');
    expect(failure(() => decodeUtf8(Uint8Array.of(0x61, 0x0a, 0xe2, 0x82), 'x'))).toContain('x:2:');
  });
});
