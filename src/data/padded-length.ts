/**
 * The length that texts are padded to: the next multiple of 2 up to 16 tokens, of 4 up to 32, of 8 beyond.
 *
 * Padding is computed like text, and each length is a graph of its own, which takes time and memory: texts of up to 32 tokens
 * have a dozen lengths.
 *
 * @param longest Tokens of the longest text, at least 1.
 */
export function paddedLength(longest: number): number {
  const multiple = longest <= 16 ? 2 : longest <= 32 ? 4 : 8;
  return Math.ceil(longest / multiple) * multiple;
}
