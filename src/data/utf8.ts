import { GspfError } from '../errors.ts';

const LINE_FEED = 0x0a;

/**
 * The text of a UTF-8 file, without its byte order mark.
 *
 * @throws `input/data` for bytes that are not UTF-8, naming the first line that holds one.
 */
export function decodeUtf8(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new GspfError('input/data', {
      subject: `${source}:${firstMalformedLine(bytes)}`,
      expected: 'UTF-8 text',
      got: isUtf16(bytes) ? 'UTF-16' : 'bytes that are not UTF-8',
      hint: 'Save the file as UTF-8.',
      cause,
    });
  }
}

/** A line feed is never part of a longer UTF-8 sequence, so lines can be decoded one by one. */
function firstMalformedLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed === -1 ? bytes.length : feed;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end + 1;
  }
  return line;
}

function isUtf16(bytes: Uint8Array): boolean {
  const [first, second] = bytes;
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
}
