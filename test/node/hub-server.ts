import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A hub on this machine with one model, and what it is asked. */
export interface HubServer {
  readonly url: string;
  /** `METHOD path range` of each request, the query left out. */
  readonly requests: string[];
  /** The tokens that came with them. */
  readonly tokens: Set<string>;
  /** Ends the server and every connection to it. */
  stop(): void;
}

export interface HubServerOptions {
  readonly name: string;
  readonly commit: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Files in large file storage, which have a SHA-256 instead of git's id. */
  readonly large?: readonly string[];
  /** The token without which it answers 401. */
  readonly token?: string;
  /** What becomes of an answer with a file's contents; by default they are sent. */
  readonly answer?: (file: string, response: ServerResponse, body: Uint8Array) => void;
}

/** Answers as the hub does (https://huggingface.co/docs/hub/api), for as long as the test runs. */
export async function startHub(options: HubServerOptions): Promise<HubServer> {
  const requests: string[] = [];
  const tokens = new Set<string>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://hub');
    requests.push([request.method, pathname, request.headers.range].filter(Boolean).join(' '));
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token !== undefined) tokens.add(token);
    if (options.token !== undefined && token !== options.token) {
      // A careless hub, which repeats what it was given.
      response.writeHead(401, { 'x-error-message': `Invalid credentials ${token ?? ''}` }).end();
      return;
    }
    respond(options, pathname, request, response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(stop);
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests, tokens, stop };
}

function respond(
  { name, commit, files, large = [], answer }: HubServerOptions,
  pathname: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const missing = (code: string): void => {
    response.writeHead(404, { 'x-error-code': code }).end();
  };
  const json = (value: object): void => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  };
  const [, revision, listed] =
    new RegExp(`^/api/models/${name}/(?:revision/([^/]+)|tree/([^/]+))$`).exec(pathname) ?? [];
  if (revision !== undefined) {
    if (revision !== 'main' && revision !== commit) missing('RevisionNotFound');
    else json({ _id: '1', id: name, sha: commit, lastModified: '2026-01-02T03:04:05.000Z' });
    return;
  }
  if (listed === commit) {
    json([...files].map(([path, bytes]) => entryOf(path, bytes, large.includes(path))));
    return;
  }
  const [, file = ''] = new RegExp(`^/${name}/resolve/${commit}/(.+)$`).exec(pathname) ?? [];
  const bytes = files.get(decodeURIComponent(file));
  if (bytes === undefined) {
    missing(file === '' ? 'RepoNotFound' : 'EntryNotFound');
    return;
  }
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const body = bytes.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': body.length,
    ...(start > 0 && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  });
  if (answer === undefined) response.end(body);
  else answer(file, response, body);
}

function entryOf(path: string, bytes: Uint8Array, large: boolean): object {
  const git = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  const lfs = { oid: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, pointerSize: 134 };
  return { type: 'file', path, size: bytes.length, oid: git, ...(large && { lfs }) };
}
