import { homedir } from 'node:os';
import { join } from 'node:path';
import { exists, readText } from '../files.ts';

/** Environment variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Where the hub is, where its files are kept, and who asks. */
export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly cacheDirectory: string;
  /** A secret: it goes into headers and nowhere else. */
  readonly token: string | undefined;
  /** Nothing is asked of the hub. */
  readonly offline: boolean;
}

/**
 * The variables of the hub's Python client: `HF_ENDPOINT`, `HF_HUB_CACHE` or `HF_HOME`, `HF_TOKEN` or the file that
 * `hf auth login` writes, `HF_HUB_OFFLINE`
 * (https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables).
 */
export async function hubSettings(env: Variables = process.env): Promise<HubSettings> {
  const home = hubHome(env);
  return {
    endpoint: (given(env, 'HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, ''),
    cacheDirectory: hubCache(env, home),
    token: isSet(env, 'HF_HUB_DISABLE_IMPLICIT_TOKEN') ? undefined : await tokenOf(env, home),
    offline: isSet(env, 'HF_HUB_OFFLINE') || isSet(env, 'TRANSFORMERS_OFFLINE'),
  };
}

function hubHome(env: Variables): string {
  const caches = given(env, 'XDG_CACHE_HOME') ?? join(homedir(), '.cache');
  return expanded(given(env, 'HF_HOME') ?? join(caches, 'huggingface'));
}

function hubCache(env: Variables, home: string): string {
  const cache = given(env, 'HF_HUB_CACHE') ?? given(env, 'HUGGINGFACE_HUB_CACHE');
  return expanded(cache ?? join(home, 'hub'));
}

async function tokenOf(env: Variables, home: string): Promise<string | undefined> {
  const token = given(env, 'HF_TOKEN') ?? given(env, 'HUGGING_FACE_HUB_TOKEN');
  if (token !== undefined) return token.trim();
  const path = expanded(given(env, 'HF_TOKEN_PATH') ?? join(home, 'token'));
  if (!(await exists(path))) return undefined;
  const saved = (await readText(path)).trim();
  return saved === '' ? undefined : saved;
}

/** The value of a variable; an empty one counts as none. */
function given(env: Variables, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value.trim() === '' ? undefined : value;
}

/** Whether a switch is on, by the words that the Python client takes for it. */
function isSet(env: Variables, name: string): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes((env[name] ?? '').toUpperCase());
}

function expanded(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}
