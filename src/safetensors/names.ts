/** Negative where `a` precedes `b` in the order of their UTF-8 bytes, which is that of their code points. */
export function compareNames(a: string, b: string): number {
  for (let i = 0; ; ) {
    const left = a.codePointAt(i);
    const right = b.codePointAt(i);
    if (left === undefined || right === undefined) return a.length - b.length;
    if (left !== right) return left - right;
    i += left > 0xffff ? 2 : 1;
  }
}

/** Whether UTF-8 can hold a string: half a surrogate pair has no encoding. */
export function isUnicode(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
