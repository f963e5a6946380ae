import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of a file beside the repository, or undefined, with the reason printed, where it is absent. */
export function sharedPath(relative: string): string | undefined {
  const path = fileURLToPath(new URL(`../../../shared/${relative}`, import.meta.url));
  if (existsSync(path)) return path;
  console.warn(`skipped: ${path} is missing`);
  return undefined;
}

/** Text of a file beside the repository, or undefined, with the reason printed, where it is absent. */
export function sharedText(relative: string): string | undefined {
  const path = sharedPath(relative);
  return path === undefined ? undefined : readFileSync(path, 'utf8');
}
