import { copyFile, readFile, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { exists, makeDirectory, writeTextAtomically } from '../files.ts';
import { tokenizerFiles } from '../tokenizer-files.ts';
import { shardsOf, weightFiles } from '../weight-files.ts';
import type { HubFile } from './client.ts';
import type { HubId } from './hub-id.ts';

/** What the cache has of a model at one commit. */
export interface Snapshot {
  readonly directory: string;
  readonly commit: string;
  /**
   * `complete`: all that the hub has and gspf uses. `usable`: all that a model needs, while of a smaller file nobody
   * knows whether the hub has it. Otherwise the names of what is missing.
   */
  readonly state: 'complete' | 'usable' | readonly string[];
}

/**
 * A model's folder in the cache, laid out as the hub's Python client lays it out: `refs/main` holds a commit,
 * `snapshots/COMMIT/FILE` links to `blobs/DIGEST`, an empty `.no_exist/COMMIT/FILE` says that the hub has no such file
 * (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
 */
export class ModelCache {
  readonly #folder: string;
  readonly #id: HubId;

  constructor(cacheDirectory: string, id: HubId) {
    this.#folder = join(cacheDirectory, folderOf(id));
    this.#id = id;
  }

  /** What is there of the revision that it is for; undefined where nothing is. */
  async snapshot(): Promise<Snapshot | undefined> {
    const { revision } = this.#id;
    const commit = isCommit(revision) ? revision : await this.#ref(revision);
    if (commit === undefined) return undefined;
    const directory = this.snapshotDirectory(commit);
    return (await exists(directory))
      ? { directory, commit, state: await this.#state(directory, commit) }
      : undefined;
  }

  snapshotDirectory(commit: string): string {
    return join(this.#folder, 'snapshots', commit);
  }

  /** Where the contents of a file are kept. */
  blob({ digest }: HubFile): string {
    return join(this.#folder, 'blobs', digest.hex);
  }

  /** Notes which commit the revision is. */
  async keepRef(commit: string): Promise<void> {
    const { revision } = this.#id;
    if (!isCommit(revision)) await writeTextAtomically(join(this.#folder, 'refs', revision), commit);
  }

  /** Makes the contents of a file one of a snapshot's files; copies them where there are no links. */
  async link(commit: string, file: HubFile): Promise<void> {
    const blob = this.blob(file);
    const path = join(this.snapshotDirectory(commit), file.path);
    await makeDirectory(dirname(path));
    await rm(path, { force: true });
    await symlink(relative(dirname(path), blob), path).catch(() => copyFile(blob, path));
  }

  /** Notes that the hub has no such file at this commit. */
  async keepAbsent(commit: string, file: string): Promise<void> {
    await writeTextAtomically(this.#absence(commit, file), '');
  }

  async #ref(revision: string): Promise<string | undefined> {
    const text = await readFile(join(this.#folder, 'refs', revision), 'utf8').catch(() => undefined);
    const commit = text?.trim();
    return commit !== undefined && isCommit(commit) ? commit : undefined;
  }

  async #state(directory: string, commit: string): Promise<Snapshot['state']> {
    const has = (file: string): Promise<boolean> => exists(join(directory, file));
    const missing: string[] = [];
    if (!(await has('config.json'))) missing.push('config.json');
    // ESM's models have a vocabulary alone.
    if (!(await has('tokenizer.json')) && !(await has('vocab.txt'))) missing.push('tokenizer.json');
    if (!(await has(weightFiles.whole))) {
      const shards = (await has(weightFiles.index))
        ? await shardsOf(join(directory, weightFiles.index))
        : undefined;
      if (shards === undefined) missing.push(weightFiles.whole);
      for (const shard of shards ?? []) if (!(await has(shard))) missing.push(shard);
    }
    if (missing.length > 0) return missing;
    for (const file of tokenizerFiles) {
      if (!(await has(file)) && !(await exists(this.#absence(commit, file)))) return 'usable';
    }
    return 'complete';
  }

  #absence(commit: string, file: string): string {
    return join(this.#folder, '.no_exist', commit, file);
  }
}

/** The folder of a model in a cache. */
export function folderOf({ name }: HubId): string {
  return `models--${name.replaceAll('/', '--')}`;
}

/** The model and commit whose snapshot in a cache a directory is; undefined for other directories. */
export function idOfSnapshot(directory: string): HubId | undefined {
  const [, org, name, revision] =
    /[/\\]models--((?:(?!--)[^/\\])+)--((?:(?!--)[^/\\])+)[/\\]snapshots[/\\]([0-9a-f]{40})[/\\]?$/.exec(
      directory,
    ) ?? [];
  return revision === undefined ? undefined : { name: `${org}/${name}`, revision };
}

function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
