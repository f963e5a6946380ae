import { join } from 'node:path';
import { widenAll } from '../models/half-precision.ts';
import { classifierGraph } from '../models/sequence-classification.ts';
import { applyPatchToDirectory, revertPatchInDirectory } from '../node/merge.ts';
import { loadModel, type Model } from '../node/model.ts';
import { featuresOf } from '../objectives/objective.ts';
import type { Patch } from '../patch/patch.ts';
import { bytesOf } from '../tensor.ts';
import { Predictor } from '../training/predictor.ts';

/** What putting a patch on and taking it off again has shown. */
export interface PatchProof {
  /** Logits that were compared, with the patch in memory and with the merged model from disk. */
  readonly logits: number;
  /** Whether they are equal to the bit. */
  readonly mergedEqualsUnmerged: boolean;
  readonly baseSha256: string;
  readonly mergedSha256: string;
  /** Of the model that the undo patch led back to, read back from disk. */
  readonly revertedSha256: string;
}

/**
 * Applies a patch to a copy of the model, compares merged with unmerged, and reverts it.
 *
 * @param folder Where to write; it is left to the caller to take away.
 */
export async function provePatch(
  model: Model,
  patch: Patch,
  texts: readonly string[],
  folder: string,
  threads: number,
): Promise<PatchProof> {
  const merged = await applyPatchToDirectory(model.base.directory, patch, join(folder, 'merged'));
  const inMemory = await logitsOf(model.with(patch), texts);
  const fromDisk = await logitsOf(await loadModel(merged.directory, { threads }), texts);
  const reverted = await revertPatchInDirectory(merged.directory, join(folder, 'reverted'));
  return {
    logits: inMemory.length,
    mergedEqualsUnmerged: Buffer.compare(bytesOf({ data: inMemory }), bytesOf({ data: fromDisk })) === 0,
    baseSha256: patch.metadata.baseSha256,
    mergedSha256: merged.sha256,
    revertedSha256: reverted.sha256,
  };
}

/** Raw logits of a model, float32 `[texts, labels]`. */
async function logitsOf(model: Model, texts: readonly string[]): Promise<Float32Array> {
  const { encoder, tokenizer, environment } = model;
  const labels = model.requireLabels('text-classification').length;
  const graph = classifierGraph(encoder, labels);
  const weights = widenAll(await model.readTensors());
  const layout = { of: 'text', width: labels } as const;
  const { padTokenId, maxPositions: maxLength } = encoder;
  const predictor = new Predictor({ graph, weights, layout, maxLength }, environment);
  const encoded = texts.map((text) => tokenizer.encode(text, undefined, encoder.maxPositions));
  const logits = await predictor.logits(featuresOf(encoded, padTokenId), 64);
  await predictor.release();
  return Float32Array.from(logits.flatMap((values) => Array.from(values)));
}
