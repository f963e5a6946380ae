/**
 * JSON text in which whole numbers are floats again where the original wrote them so: `10000.0` becomes `10000` on
 * its way through JavaScript, which transformers refuses for keys that it declares as floats.
 *
 * @param text JSON as `JSON.stringify` writes it with an indent.
 * @param original The JSON text that it was made from.
 */
export function withFloatsOf(original: string, text: string): string {
  const floats = new Map<string, string>();
  for (const [, key, literal] of original.matchAll(/"([^"\\]+)"\s*:\s*(-?\d+\.0+)(?=\s*[,}])/g)) {
    if (key !== undefined && literal !== undefined) floats.set(`${key}: ${Number(literal)}`, literal);
  }
  return text.replaceAll(
    /^(\s*)"([^"\\]+)": (-?\d+)(,?)$/gm,
    (line, indent: string, key: string, digits: string, comma: string) => {
      const literal = floats.get(`${key}: ${digits}`);
      return literal === undefined ? line : `${indent}"${key}": ${literal}${comma}`;
    },
  );
}
