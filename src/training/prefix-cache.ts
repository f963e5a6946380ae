import type { CreateSha256 } from '../patch/hash.ts';
import type { PrefixStore } from '../runtime/environment.ts';
import { bytesOf } from '../tensor.ts';

/** What a cache holds, and did. */
export interface PrefixCacheReport {
  /** Texts in memory, and their bytes. */
  readonly inMemory: number;
  readonly memoryBytes: number;
  /** Texts written to disk, and their bytes. */
  readonly onDisk: number;
  readonly diskBytes: number;
  /** Damaged or stale entries on disk that were computed anew. */
  readonly refused: number;
}

/** An entry in a store begins with so many hexadecimal digits. */
const DIGEST_BYTES = 64;

/**
 * Values of texts by key: in memory while there is room, else in a store, where each carries the SHA-256 of key and
 * values and is taken only if that is right.
 */
export class PrefixCache {
  readonly #room: number;
  readonly #store: PrefixStore | undefined;
  readonly #createSha256: CreateSha256;
  readonly #memory = new Map<string, Float32Array>();
  readonly #stored = new Set<string>();
  #memoryBytes = 0;
  #diskBytes = 0;
  #refused = 0;

  /** @param memoryBytes The most to hold in memory. */
  constructor(memoryBytes: number, store: PrefixStore | undefined, createSha256: CreateSha256) {
    this.#room = memoryBytes;
    this.#store = store;
    this.#createSha256 = createSha256;
  }

  get report(): PrefixCacheReport {
    return {
      inMemory: this.#memory.size,
      memoryBytes: this.#memoryBytes,
      onDisk: this.#stored.size,
      diskBytes: this.#diskBytes,
      refused: this.#refused,
    };
  }

  /** Whether so many bytes more than it holds would be kept. */
  hasRoomFor(bytes: number): boolean {
    return this.#store !== undefined || this.#memoryBytes + bytes <= this.#room;
  }

  /** How many of so many bytes would be held in memory. */
  memoryFor(bytes: number): number {
    return Math.min(bytes, this.#room - this.#memoryBytes);
  }

  /** How many of so many bytes would be written to the store. */
  storeFor(bytes: number): number {
    return this.#store === undefined ? 0 : bytes - this.memoryFor(bytes);
  }

  /** The values under a key; undefined where there are none, or not so many, or they are damaged. Not to be changed. */
  async get(key: string, length: number): Promise<Float32Array | undefined> {
    const kept = this.#memory.get(key);
    if (kept !== undefined) return kept;
    const bytes = await this.#store?.read(key);
    if (bytes === undefined) return undefined;
    // Not `slice()`, which a Buffer of Node answers with a view.
    const payload = new Uint8Array(bytes.subarray(DIGEST_BYTES));
    const digest = new TextDecoder('latin1').decode(bytes.subarray(0, DIGEST_BYTES));
    const isWhole = payload.byteLength === 4 * length && digest === this.#digest(key, payload);
    if (!isWhole) {
      this.#refused += 1;
      return undefined;
    }
    this.#stored.add(key);
    return new Float32Array(payload.buffer);
  }

  /** Keeps values under a key, whose memory is the cache's from now on; forgets them where there is no room. */
  async set(key: string, values: Float32Array): Promise<void> {
    if (this.#memoryBytes + values.byteLength <= this.#room) {
      this.#memory.set(key, values);
      this.#memoryBytes += values.byteLength;
      return;
    }
    if (this.#store === undefined) return;
    const payload = bytesOf({ data: values });
    const bytes = new Uint8Array(DIGEST_BYTES + payload.byteLength);
    bytes.set(new TextEncoder().encode(this.#digest(key, payload)));
    bytes.set(payload, DIGEST_BYTES);
    await this.#store.write(key, bytes);
    this.#stored.add(key);
    this.#diskBytes += bytes.byteLength;
  }

  #digest(key: string, payload: Uint8Array): string {
    const hash = this.#createSha256();
    hash.update(new TextEncoder().encode(key));
    hash.update(payload);
    return hash.hex();
  }
}
