import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { GspfError } from '../../errors.ts';
import { exists } from '../files.ts';
import { waitForFolder } from '../folder-lock.ts';
import { tokenizerFiles } from '../tokenizer-files.ts';
import { shardsOf, weightFiles } from '../weight-files.ts';
import { folderOf, ModelCache, type Snapshot } from './cache.ts';
import type { HubFile, HubModel } from './client.ts';
import { downloadFile } from './download.ts';
import { formatHubId, type HubId } from './hub-id.ts';
import type { HubSettings } from './settings.ts';

/** How far the download of a model has come. */
export interface DownloadProgress {
  /** `org/name`, with `@revision` where it is not the usual one. */
  readonly model: string;
  /** The file at hand. */
  readonly file: string;
  /** Bytes that are there, and that there will be, of all files. */
  readonly receivedBytes: number;
  readonly totalBytes: number;
  /** At the speed so far; undefined before there is one. */
  readonly remainingMs: number | undefined;
}

export interface FetchOptions {
  readonly settings: HubSettings;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Pauses before another attempt at a download that broke off, in milliseconds. */
  readonly pausesMs?: readonly number[] | undefined;
}

const PAUSES_MS = [1000, 4000, 15_000];

/**
 * The directory of a model of the hub in the cache, and its commit; what is not there yet is downloaded.
 *
 * A model that the cache has whole is used without asking the hub, even where its branch has moved since.
 *
 * @throws `input/hub-denied`, `input/hub-missing`, `input/hub-offline`, `hub/unreachable`, `hub/damaged`,
 *   `output/failed`.
 */
export async function fetchModel(
  id: HubId,
  options: FetchOptions,
): Promise<{ readonly directory: string; readonly commit: string }> {
  const { settings } = options;
  const cache = new ModelCache(settings.cacheDirectory, id);
  const found = await cache.snapshot();
  if (found?.state === 'complete') return found;
  if (settings.offline) {
    if (found?.state === 'usable') return found;
    throw offline(id, found, settings);
  }
  // The hub's library is large, and most commands never need it.
  const { askHub } = await import('./ask-hub.ts');
  let model: HubModel;
  try {
    model = await askHub(id, settings);
  } catch (error) {
    if (found?.state === 'usable' && isUnreachable(error)) return found;
    throw error;
  }
  const lock = await waitForFolder(join(settings.cacheDirectory, '.locks', folderOf(id)), () => pause(200));
  try {
    await download(model, cache, options);
  } finally {
    lock.release();
  }
  await cache.keepRef(model.commit);
  return { directory: cache.snapshotDirectory(model.commit), commit: model.commit };
}

async function download(model: HubModel, cache: ModelCache, options: FetchOptions): Promise<void> {
  const { commit, id, files } = model;
  const started = performance.now();
  let totalBytes = 0;
  let receivedBytes = 0;
  let fetchedBytes = 0;
  const fetchAll = async (wanted: readonly HubFile[]): Promise<void> => {
    totalBytes += wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const file of wanted) {
      const onBytes = (count: number, kind: 'kept' | 'fetched'): void => {
        receivedBytes += count;
        if (kind === 'fetched') fetchedBytes += count;
        const msPerByte = (performance.now() - started) / fetchedBytes;
        const remainingMs = fetchedBytes > 0 ? (totalBytes - receivedBytes) * msPerByte : undefined;
        options.onProgress?.({
          model: formatHubId(id),
          file: file.path,
          receivedBytes,
          totalBytes,
          remainingMs,
        });
      };
      const blob = cache.blob(file);
      if (await exists(blob)) onBytes(file.sizeBytes, 'kept');
      else
        await downloadFile(model, file, blob, {
          ...options,
          pausesMs: options.pausesMs ?? PAUSES_MS,
          onBytes,
        });
      await cache.link(commit, file);
    }
  };
  const whole = files.get(weightFiles.whole);
  const index = files.get(weightFiles.index);
  if (whole === undefined && index === undefined) throw withoutWeights(model);
  const small = ['config.json', ...tokenizerFiles].flatMap((path) => files.get(path) ?? []);
  if (whole !== undefined || index === undefined) {
    await fetchAll([...small, ...(whole === undefined ? [] : [whole])]);
  } else {
    await fetchAll([...small, index]);
    const shards = await shardsOf(join(cache.snapshotDirectory(commit), index.path));
    await fetchAll(shards.map((shard) => files.get(shard) ?? missingShard(model, shard)));
  }
  for (const file of tokenizerFiles) if (!files.has(file)) await cache.keepAbsent(commit, file);
}

function isUnreachable(error: unknown): boolean {
  return error instanceof GspfError && error.code === 'hub/unreachable';
}

function offline(id: HubId, found: Snapshot | undefined, { cacheDirectory }: HubSettings): GspfError {
  const missing = typeof found?.state === 'object' ? found.state.join(', ') : undefined;
  return new GspfError('input/hub-offline', {
    subject: formatHubId(id),
    expected: `its files in ${cacheDirectory}, as HF_HUB_OFFLINE is set`,
    got: missing === undefined ? 'none of them' : `a part without ${missing}`,
    hint: 'Run once without HF_HUB_OFFLINE, set HF_HOME to the cache that has it, or give a directory.',
  });
}

function withoutWeights({ id, files }: HubModel): GspfError {
  const others = [...files.keys()].filter((path) => /\.(bin|h5|msgpack|gguf|onnx)$/.test(path));
  return new GspfError('input/hub-missing', {
    subject: formatHubId(id),
    expected: `a file ${weightFiles.whole}, whole or in shards`,
    got: others.length === 0 ? 'none' : `${others.join(', ')} only`,
    hint: "gspf reads safetensors only: look for a revision that has them (refs/pr/…), or save it with transformers' save_pretrained.",
  });
}

function missingShard({ id }: HubModel, shard: string): never {
  throw new GspfError('input/hub-missing', {
    subject: formatHubId(id),
    expected: `a file ${shard}, as ${weightFiles.index} says`,
    got: 'none of that name',
  });
}
