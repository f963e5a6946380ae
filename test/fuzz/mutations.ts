/** A stream of numbers from 0 to 2³² − 1 that follows from its seed (Marsaglia's xorshift32). */
export function dice(seed: number): (below: number) => number {
  let state = (seed + 1) * 0x9e3779b1 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(1, below);
  };
}

/** Bytes that readers of lengths, varints and texts stumble over. */
const telling = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x22, 0x2d, 0x2e, 0x39, 0x5b, 0x7b];

/** A damaged copy of a file: changed, cut, doubled, filled or with a number that is far too large. */
export function mutate(file: Uint8Array, roll: (below: number) => number): Uint8Array {
  // Not `slice()`, which a Buffer answers with a view.
  let bytes = new Uint8Array(file);
  for (let left = 1 + roll(4); left > 0; left--) {
    const at = roll(bytes.length);
    const length = 1 + roll(16);
    switch (roll(6)) {
      case 0:
        bytes[at] = roll(256);
        break;
      case 1:
        bytes[at] = telling[roll(telling.length)] ?? 0;
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes = joined(bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at));
        break;
      case 4:
        bytes.fill(telling[roll(telling.length)] ?? 0, at, at + length);
        break;
      default:
        bytes = joined(bytes.subarray(0, at), bytes.subarray(at + length));
    }
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
