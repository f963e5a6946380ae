import { expect, test } from 'vitest';
import { resolveOptions } from '../../src/options/resolve.ts';
import { float32 } from '../../src/tensor.ts';
import type { Checkpoint, CheckpointStore, RunIdentity } from '../../src/training/checkpoint.ts';
import { CheckpointKeeper } from '../../src/training/checkpoint-keeper.ts';

const EVERY_MS = 1000;

/** The first number of the only tensor of each checkpoint, as it is when the writing of the checkpoint ends. */
class Slow implements CheckpointStore {
  readonly place = 'memory';
  readonly saved: number[] = [];
  #end: (() => void) | undefined;

  candidates = async () => [];

  save = async (chunks: readonly Uint8Array[]) => {
    await new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    const data = chunks.at(-1) ?? new Uint8Array();
    // The tensor is the whole last chunk, or lies at the end of the only one.
    const start = chunks.length > 1 ? 0 : data.length - 4 * weights.length;
    this.saved.push(new DataView(data.buffer, data.byteOffset + start).getFloat32(0, true));
  };

  /** Ends the writing under way. */
  async end(): Promise<void> {
    this.#end?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const identity: RunIdentity = {
  baseSha256: '',
  trainSha256: '',
  evaluationSha256: '',
  options: resolveOptions({}, { task: 'sst2' }).options,
};
let weights = new Float32Array(4);
let nowMs = 0;

function checkpoint(): Checkpoint {
  const place = {
    phase: 'train',
    epoch: 1,
    batch: 1,
    step: 1,
    elapsedMs: 0,
    evaluations: [],
    method: {},
  } as const;
  return { progress: place, tensors: new Map([['weight/w', float32([weights.length], weights)]]) };
}

function keeperOf(store: CheckpointStore, length: number): CheckpointKeeper {
  weights = new Float32Array(length);
  nowMs = 0;
  return new CheckpointKeeper(store, identity, EVERY_MS, () => nowMs);
}

test('a small checkpoint is written beside the next steps, from a copy', async () => {
  const store = new Slow();
  const keeper = keeperOf(store, 4);
  nowMs = EVERY_MS;
  weights[0] = 1;
  await keeper.keep(checkpoint, false);
  weights[0] = 2;
  await store.end();
  expect(store.saved).toEqual([1]);
});

test.each([
  // It takes 300 ms: the next is due after 20 times as long, which is more than a second.
  ['a large one', 70e6, false, 20 * 300],
  ['the last of a phase', 4, true, EVERY_MS],
])('a step waits for %s, which is written from where it lies', async (_, length, always, restMs) => {
  const store = new Slow();
  const keeper = keeperOf(store, length);
  nowMs = EVERY_MS;
  let isKept = false;
  const keeping = keeper.keep(checkpoint, always).then(() => {
    isKept = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isKept).toBe(false);
  weights[0] = 2;
  nowMs += 300;
  await store.end();
  await keeping;
  expect(store.saved).toEqual([2]);

  nowMs = EVERY_MS + restMs - 1;
  await keeper.keep(checkpoint, false);
  expect(store.saved).toHaveLength(1);
  nowMs += 1;
  const next = keeper.keep(checkpoint, false);
  await new Promise((resolve) => setImmediate(resolve));
  await store.end();
  await next;
  expect(store.saved).toHaveLength(2);
});
