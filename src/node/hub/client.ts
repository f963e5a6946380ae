import { GspfError } from '../../errors.ts';
import { formatHubId, type HubId } from './hub-id.ts';
import type { HubSettings } from './settings.ts';

/** A file of a model on the hub. */
export interface HubFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** What its contents hash to: git's object id for small files, SHA-256 for those in large file storage. */
  readonly digest: { readonly algorithm: 'git-sha1' | 'sha256'; readonly hex: string };
}

/** A model of the hub at one commit. */
export interface HubModel {
  readonly id: HubId;
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** Its files, those in folders left out, by path. */
  readonly files: ReadonlyMap<string, HubFile>;
}

/**
 * `fetch` that says who asks, and gives no answers but good ones.
 *
 * @throws (the function it gives) `input/hub-denied`, `input/hub-missing`, `hub/unreachable`.
 */
export function hubFetch(id: HubId, file: string | undefined, settings: HubSettings): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    if (settings.token !== undefined) headers.set('authorization', `Bearer ${settings.token}`);
    headers.set('user-agent', 'gspf');
    let response: Response;
    try {
      response = await fetch(input, { ...init, headers });
    } catch (cause) {
      throw unreachable(settings, causeOf(cause), cause);
    }
    if (response.ok) return response;
    // An answer that nobody reads would keep its connection.
    await response.body?.cancel();
    throw refusal(response, id, file, settings);
  };
}

/** The error for a hub that does not answer, or breaks off. */
export function unreachable({ endpoint }: HubSettings, got: string, cause?: unknown): GspfError {
  return new GspfError('hub/unreachable', {
    subject: endpoint,
    expected: 'an answer',
    got,
    hint: 'What has come so far is kept: run the same command again to go on. HF_HUB_OFFLINE=1 uses the cache alone.',
    cause,
  });
}

/** The reason that a failed `fetch` hides in its cause. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}

/** What an answer means that is not a good one. */
function refusal(response: Response, id: HubId, file: string | undefined, settings: HubSettings): GspfError {
  const { status, headers } = response;
  const said = headers.get('x-error-message') ?? response.statusText;
  const words = settings.token === undefined ? said : said.replaceAll(settings.token, '…');
  const answer = `${status} ${words}`.trim();
  const code = headers.get('x-error-code');
  if (status === 401 || status === 403) return denied(id, answer, settings);
  if (status === 404 || status === 410) {
    if (code === 'RevisionNotFound') return missing(id, `a revision "${id.revision}"`, 'none of that name');
    if (file !== undefined && code !== 'RepoNotFound')
      return missing(id, `a file ${file}`, 'none of that name');
    return missing(id, `a model of that name at ${settings.endpoint}`, 'none');
  }
  return unreachable(settings, answer);
}

function denied(id: HubId, got: string, { endpoint, token }: HubSettings): GspfError {
  return new GspfError('input/hub-denied', {
    subject: formatHubId(id),
    expected: `access to it at ${endpoint}`,
    got,
    hint:
      token === undefined
        ? `Set HF_TOKEN to a token of yours (${endpoint}/settings/tokens), or check the name: the hub answers in the same way where there is no such model.`
        : `The token of HF_TOKEN or hf auth login was not enough: check it at ${endpoint}/settings/tokens, and ask for access at ${endpoint}/${id.name}.`,
  });
}

function missing(id: HubId, expected: string, got: string): GspfError {
  return new GspfError('input/hub-missing', {
    subject: formatHubId(id),
    expected,
    got,
    hint: 'A model is named as on its page of the hub: org/name, or org/name@revision.',
  });
}
