import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { applyPatch } from '../../src/patch/apply.ts';
import { diffTensors } from '../../src/patch/diff.ts';
import { baseSha256 } from '../../src/patch/hash.ts';
import { decodePatch, encodePatch } from '../../src/patch/patch.ts';
import { bitsByName } from '../safetensors/bits.ts';
import { createSha256 } from './sha256.ts';
import { base, exampleBytes, metadata, tuned } from './worked-example.ts';

const document = readFileSync(new URL('../../docs/patch-format.md', import.meta.url), 'utf8');

/** The text of the document's block of code that is marked with a name. */
function block(name: string): string {
  const [, text] = document.match(new RegExp(`\`\`\`${name}\n([^]*?)\`\`\``)) ?? [];
  if (text === undefined) throw new Error(`no block "${name}" in the document`);
  return text;
}

function hex(name: string): Buffer {
  return Buffer.from(block(name).replace(/\s+/g, ''), 'hex');
}

describe('the worked example of docs/patch-format.md', () => {
  it('is, byte for byte, what an independent writer wrote', () => {
    const header = `${block('header').replaceAll('\n', '')}      `;
    const written = Buffer.concat([hex('length'), Buffer.from(header), hex('data')]);
    expect(written.equals(exampleBytes)).toBe(true);
  });

  it('is, byte for byte, what gspf writes', () => {
    const bytes = encodePatch(diffTensors(base, tuned, metadata));
    expect(Buffer.from(bytes).equals(exampleBytes)).toBe(true);
  });

  it('tells what the hash is of', () => {
    const hashed: Buffer[] = [];
    baseSha256(base, () => ({ update: (bytes) => void hashed.push(Buffer.from(bytes)), hex: () => '' }));
    const start = hex('hash');
    expect(Buffer.concat(hashed).subarray(0, start.length).equals(start)).toBe(true);
    expect(baseSha256(base, createSha256)).toBe(metadata.baseSha256);
    expect(document).toContain(`The hash is \`${metadata.baseSha256}\``);
  });

  it('is read and applied', () => {
    const patch = decodePatch(exampleBytes, 'example.safetensors');
    expect(patch.metadata).toEqual(metadata);
    const { tensors } = applyPatch(base, patch, { createSha256 });
    expect(bitsByName(tensors)).toEqual(bitsByName(tuned));
  });
});
