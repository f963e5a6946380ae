import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { GspfError } from '../../src/errors.ts';
import { type DownloadProgress, fetchModel } from '../../src/node/hub/fetch-model.ts';
import { parseHubId } from '../../src/node/hub/hub-id.ts';
import { hubSettings } from '../../src/node/hub/settings.ts';
import { locateModel } from '../../src/node/locate-model.ts';
import { loadModel } from '../../src/node/model.ts';
import { fixture, gspf, temporaryFolder } from '../cli/terminal.ts';
import { type HubServerOptions, startHub } from './hub-server.ts';

const NAME = 'acme/tiny-encoder';
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const WEIGHTS = 'model.safetensors';
const LARGE_BYTES = 300_000;

/** A model's files, and others that nobody needs. */
const files = new Map<string, Uint8Array>([
  ...readdirSync(fixture('tiny-encoder')).map((file): [string, Uint8Array] => [
    file,
    readFileSync(join(fixture('tiny-encoder'), file)),
  ]),
  ['pytorch_model.bin', new Uint8Array(100)],
  ['README.md', new Uint8Array(10)],
]);

/** Weights of a size that comes in several chunks. */
const bigger = new Map([
  ...files,
  [WEIGHTS, new Uint8Array(LARGE_BYTES).map((_, i) => (i * 7) % 251)] as const,
]);

async function hub(options: Partial<HubServerOptions> = {}) {
  const server = await startHub({ name: NAME, commit: COMMIT, files, large: [WEIGHTS], ...options });
  const home = temporaryFolder();
  const env = { HF_ENDPOINT: server.url, HF_HOME: home };
  const id = parseHubId(NAME)!;
  const fetching = async (variables: Record<string, string> = {}, pausesMs: readonly number[] = []) =>
    fetchModel(id, { settings: await hubSettings({ ...env, ...variables }), pausesMs });
  return { server, home, env, fetching, repo: join(home, 'hub', 'models--acme--tiny-encoder') };
}

const failureOf = (attempt: Promise<unknown>): Promise<GspfError> =>
  attempt.then(
    () => Promise.reject(new Error('expected a failure')),
    (error: GspfError) => error,
  );

/** What there is of parts of downloads. */
const partsIn = (repo: string): string[] =>
  readdirSync(join(repo, 'blobs')).filter((name) => name.endsWith('.incomplete'));

describe('a model of the hub', () => {
  test('is downloaded into the cache that Python shares, only the files that are needed', async () => {
    const { server, repo, env } = await hub();
    const seen: DownloadProgress[] = [];
    const model = await loadModel(NAME, { threads: 1, env, onDownload: (progress) => seen.push(progress) });
    expect([model.name, model.origin]).toEqual([NAME, { from: 'hub', revision: COMMIT }]);
    const snapshot = join(repo, 'snapshots', COMMIT);
    expect(model.base.directory).toBe(snapshot);
    expect(readFileSync(join(repo, 'refs', 'main'), 'utf8')).toBe(COMMIT);
    expect(readdirSync(snapshot)).not.toContain('pytorch_model.bin');
    expect(readdirSync(snapshot)).toEqual(expect.arrayContaining(['config.json', 'tokenizer.json', WEIGHTS]));
    for (const file of readdirSync(snapshot)) {
      expect(lstatSync(join(snapshot, file)).isSymbolicLink()).toBe(true);
      expect(readlinkSync(join(snapshot, file))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40,64}$/);
      expect(readFileSync(join(snapshot, file)).equals(files.get(file)!)).toBe(true);
    }
    expect(server.requests.filter((request) => /pytorch|README/.test(request))).toEqual([]);
    const last = seen.at(-1);
    expect(last?.receivedBytes).toBe(last?.totalBytes);
    expect(last?.remainingMs).toBe(0);
  });

  test('is used from the cache without a request, by its name and by its commit', async () => {
    const { server, fetching, env } = await hub();
    const { directory } = await fetching();
    server.requests.length = 0;
    expect((await fetching()).directory).toBe(directory);
    expect((await locateModel(`${NAME}@${COMMIT}`, { env })).directory).toBe(directory);
    expect(server.requests).toEqual([]);
  });

  test('that Python downloaded in part is completed, and what is there is not fetched again', async () => {
    const { server, fetching, repo } = await hub();
    await fetching();
    const snapshot = join(repo, 'snapshots', COMMIT);
    rmSync(join(snapshot, 'tokenizer.json'));
    rmSync(join(repo, '.no_exist'), { recursive: true, force: true });
    server.requests.length = 0;
    await fetching();
    expect(existsSync(join(snapshot, 'tokenizer.json'))).toBe(true);
    expect(server.requests.filter((request) => request.includes('/resolve/'))).toEqual([]);
  });

  test('in shards is downloaded by its index', async () => {
    const index = { weight_map: { a: 'model-1-of-2.safetensors', b: 'model-2-of-2.safetensors' } };
    const sharded = new Map(files);
    sharded.delete(WEIGHTS);
    sharded.set('model.safetensors.index.json', Buffer.from(JSON.stringify(index)));
    for (const shard of Object.values(index.weight_map)) sharded.set(shard, Buffer.from(shard));
    sharded.set('model-3-of-2.safetensors', new Uint8Array(5));
    const { fetching } = await hub({ files: sharded });
    const { directory } = await fetching();
    expect(readdirSync(directory)).toEqual(expect.arrayContaining(Object.values(index.weight_map)));
    expect(readdirSync(directory)).not.toContain('model-3-of-2.safetensors');
  });

  test('whose download broke off goes on where it stood', async () => {
    let broken = 0;
    const { server, fetching } = await hub({
      files: bigger,
      answer: (file, response, body) => {
        if (file !== WEIGHTS || broken++ > 1) return void response.end(body);
        response.write(body.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
      },
    });
    const { directory } = await fetching({}, [1, 1, 1]);
    expect(readFileSync(join(directory, WEIGHTS)).equals(bigger.get(WEIGHTS)!)).toBe(true);
    const ranges = server.requests.filter((request) => request.includes(WEIGHTS)).map((r) => r.split(' ')[2]);
    expect(ranges).toEqual([undefined, 'bytes=100000-', 'bytes=200000-']);
  });

  test('goes on in another process, too, and restarts where the kept part was damaged', async () => {
    const server = await hub({ files: bigger });
    const sha256 = createHash('sha256').update(bigger.get(WEIGHTS)!).digest('hex');
    mkdirSync(join(server.repo, 'blobs'), { recursive: true });
    const part = join(server.repo, 'blobs', `${sha256}.incomplete`);
    writeFileSync(
      part,
      bigger
        .get(WEIGHTS)!
        .subarray(0, 250_000)
        .map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
    );
    const { directory } = await server.fetching();
    expect(readFileSync(join(directory, WEIGHTS)).equals(bigger.get(WEIGHTS)!)).toBe(true);
    const asked = server.server.requests.filter((request) => request.includes(WEIGHTS));
    expect(asked.map((request) => request.split(' ')[2])).toEqual(['bytes=250000-', undefined]);
    expect(partsIn(server.repo)).toEqual([]);
  });

  test.each([
    ['large', WEIGHTS],
    ['small', 'config.json'],
  ])('a %s file with other contents than listed is not left in the cache', async (_, damaged) => {
    const { fetching, repo } = await hub({
      answer: (file, response, body) =>
        void response.end(file === damaged ? body.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) : body),
    });
    const { code, message } = await failureOf(fetching());
    expect(code).toBe('hub/damaged');
    expect(message).toContain(damaged);
    expect(partsIn(repo)).toEqual([]);
    expect(existsSync(join(repo, 'snapshots', COMMIT, damaged))).toBe(false);
  });

  test('of a server that goes away keeps what has come, and says how to go on', async () => {
    const started = await hub({
      files: bigger,
      answer: (file, response, body) => {
        if (file !== WEIGHTS) return void response.end(body);
        response.write(body.subarray(0, 1000), () => setTimeout(() => started.server.stop(), 50));
      },
    });
    const { code, message } = await failureOf(started.fetching());
    expect(code).toBe('hub/unreachable');
    expect(message).toContain('run the same command again to go on');
    expect(partsIn(started.repo)).toHaveLength(1);
    expect((await failureOf(started.fetching())).code).toBe('hub/unreachable');
  });
});

describe('a hub that refuses', () => {
  test('says how to give a token, and never shows one', async () => {
    const { fetching, server, home, env } = await hub({ token: 'hf_right' });
    const without = await failureOf(fetching());
    expect([without.code, without.message]).toEqual([
      'input/hub-denied',
      expect.stringContaining('HF_TOKEN'),
    ]);
    const secret = 'hf_wrongSecret';
    const { status, stdout, stderr } = await gspf(
      ['predict', '--model', NAME, '--text', 'x', '--json', '--debug'],
      { env: { ...env, HF_TOKEN: secret } },
    );
    expect(status).toBe(2);
    expect(stderr).toContain('[input/hub-denied]');
    expect(stdout + stderr).not.toContain(secret);
    expect(server.tokens).toContain(secret);
    writeFileSync(join(home, 'token'), 'hf_right\n');
    await fetching();
  });

  test('a missing model, revision and file are each named', async () => {
    const { env } = await hub({ files: new Map([['config.json', new Uint8Array(2)]]) });
    const failure = (path: string) => failureOf(locateModel(path, { env }));
    const repo = await failure('acme/tiny-encodr');
    expect([repo.code, repo.message]).toEqual([
      'input/hub-missing',
      expect.stringMatching(/^acme\/tiny-encodr: expected a model .* no directory of that name here either/s),
    ]);
    expect((await failure(`${NAME}@v9`)).message).toContain('expected a revision "v9"');
    const file = await failure(NAME);
    expect([file.code, file.message]).toEqual([
      'input/hub-missing',
      expect.stringContaining('expected a file model.safetensors'),
    ]);
  });

  test('offline, the cache is all there is', async () => {
    const { server, fetching } = await hub();
    const offline = { HF_HUB_OFFLINE: '1' };
    const { code, message } = await failureOf(fetching(offline));
    expect([code, message]).toEqual(['input/hub-offline', expect.stringContaining('HF_HUB_OFFLINE is set')]);
    expect(server.requests).toEqual([]);
    const { directory } = await fetching();
    server.stop();
    expect((await fetching(offline)).directory).toBe(directory);
  });
});

describe('what a model is called', () => {
  test('a directory comes before the hub', async () => {
    const { server, env } = await hub();
    const folder = temporaryFolder();
    const path = join(folder, 'acme', 'tiny-encoder');
    mkdirSync(path, { recursive: true });
    expect(await locateModel(path, { env })).toMatchObject({ directory: path, name: 'tiny-encoder' });
    expect(server.requests).toEqual([]);
  });

  test('a mistyped path is told from a name of the hub', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'tiny-encoder'));
    const { code, message } = await failureOf(locateModel(join(folder, 'tiny-encodr')));
    expect([code, message]).toEqual([
      'input/missing-file',
      expect.stringContaining(
        `Did you mean "${join(folder, 'tiny-encoder')}"? A model of the hub is given as org/name.`,
      ),
    ]);
  });

  test.each([
    ['a/b', { name: 'a/b', revision: 'main' }],
    ['a-1/b.c_d@refs/pr/3', { name: 'a-1/b.c_d', revision: 'refs/pr/3' }],
    ['./a/b', undefined],
    ['../b', undefined],
    ['/a/b', undefined],
    ['a/b/c', undefined],
    ['a', undefined],
    ['a/b@../x', undefined],
    ['a--b/c', undefined],
  ])('%s', (text, id) => {
    expect(parseHubId(text)).toEqual(id);
  });
});

test('settings follow the variables of the Python client', async () => {
  const home = temporaryFolder();
  writeFileSync(join(home, 'token'), ' hf_saved\n');
  expect(await hubSettings({ HF_HOME: home, HF_ENDPOINT: 'http://mirror.example/' })).toEqual({
    endpoint: 'http://mirror.example',
    cacheDirectory: join(home, 'hub'),
    token: 'hf_saved',
    offline: false,
  });
  expect(
    await hubSettings({ HF_HOME: home, HF_HUB_CACHE: '/cache', HF_TOKEN: 'hf_given', HF_HUB_OFFLINE: 'yes' }),
  ).toMatchObject({ cacheDirectory: '/cache', token: 'hf_given', offline: true });
  expect((await hubSettings({ XDG_CACHE_HOME: '/x' })).cacheDirectory).toBe('/x/huggingface/hub');
});
