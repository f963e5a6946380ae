import { listFiles, modelInfo } from '@huggingface/hub';
import { type HubFile, type HubModel, hubFetch } from './client.ts';
import type { HubId } from './hub-id.ts';
import type { HubSettings } from './settings.ts';

/**
 * Asks the hub which commit a revision is, and which files it has.
 *
 * @throws `input/hub-denied`, `input/hub-missing`, `hub/unreachable`.
 */
export async function askHub(id: HubId, settings: HubSettings): Promise<HubModel> {
  const { name, revision } = id;
  const asked = { hubUrl: settings.endpoint, fetch: hubFetch(id, undefined, settings) };
  const { sha: commit } = await modelInfo({ ...asked, name, revision, additionalFields: ['sha'] });
  const files = new Map<string, HubFile>();
  for await (const { type, path, size, oid, lfs } of listFiles({ ...asked, repo: name, revision: commit })) {
    if (type !== 'file') continue;
    const digest: HubFile['digest'] =
      lfs === undefined ? { algorithm: 'git-sha1', hex: oid ?? '' } : { algorithm: 'sha256', hex: lfs.oid };
    files.set(path, { path, sizeBytes: lfs?.size ?? size, digest });
  }
  return { id, commit, files };
}
