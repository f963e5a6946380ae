import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Path of a file beside the repository, or undefined, with the reason printed, where it is absent.
 *
 * The reference's fixtures may lie elsewhere: anywhere below `GSPF_REFERENCE_DIR`.
 */
export function sharedPath(relative: string): string | undefined {
  const path = movedPath(relative) ?? fileURLToPath(new URL(`../../../shared/${relative}`, import.meta.url));
  if (existsSync(path)) return path;
  console.warn(`skipped: ${path} is missing`);
  return undefined;
}

/** Text of a file beside the repository, or undefined, with the reason printed, where it is absent. */
export function sharedText(relative: string): string | undefined {
  const path = sharedPath(relative);
  return path === undefined ? undefined : readFileSync(path, 'utf8');
}

function movedPath(relative: string): string | undefined {
  const directory = process.env['GSPF_REFERENCE_DIR'];
  if (directory === undefined || !relative.startsWith('reference/')) return undefined;
  const inside = relative.replace(/^reference\/(fixtures\/)?/, '');
  const found = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const moved = found.find((path) => path === inside || path.endsWith(`/${inside}`));
  return join(directory, moved ?? inside);
}
