/** MurmurHash3's finaliser: a bijection of the 32-bit integers. @returns an integer from 0 to 2³² − 1 */
export function fmix32(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
