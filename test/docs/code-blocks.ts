import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A fenced block of a Markdown file. */
export interface CodeBlock {
  readonly file: string;
  /** The line of its opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** The path of the user's file that it shows a part of; empty for other blocks. */
  readonly path: string;
  readonly code: string;
}

/** The repository's root, as a path that ends with a slash. */
export const root: string = fileURLToPath(new URL('../../', import.meta.url));

/** The Markdown files that users read, relative to the root. */
export function markdownFiles(): readonly string[] {
  const docs = readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' });
  const pages = docs.filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`);
  return ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...pages.sort()];
}

/** The fenced blocks of a Markdown file, in order. */
export function codeBlocks(file: string): readonly CodeBlock[] {
  const lines = readFileSync(`${root}${file}`, 'utf8').split('\n');
  const blocks: CodeBlock[] = [];
  let open: { line: number; language: string; path: string; code: string[] } | undefined;
  for (const [index, text] of lines.entries()) {
    const fence = /^```(\w*) *(\S*)/.exec(text);
    if (open === undefined) {
      if (fence !== null) {
        open = { line: index + 1, language: fence[1] ?? '', path: fence[2] ?? '', code: [] };
      }
    } else if (fence !== null) {
      blocks.push({ file, ...open, code: open.code.join('\n') });
      open = undefined;
    } else {
      open.code.push(text);
    }
  }
  return blocks;
}
