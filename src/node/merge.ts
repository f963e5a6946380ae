import { join } from 'node:path';
import { GspfError } from '../errors.ts';
import { requireWeight, type WeightType } from '../models/half-precision.ts';
import { applyPatch, revertPatch } from '../patch/apply.ts';
import { diffTensors } from '../patch/diff.ts';
import { baseSha256 } from '../patch/hash.ts';
import { patchFormat } from '../patch/metadata.ts';
import { originStrings } from '../patch/origin.ts';
import type { Patch } from '../patch/patch.ts';
import type { Tensor } from '../tensor.ts';
import { version } from '../version.ts';
import { createSha256, readText, writeTextAtomically } from './files.ts';
import type { LocateOptions } from './locate-model.ts';
import { openModelDirectory } from './model-directory.ts';
import { openModel } from './open-model.ts';
import { writeDirectory } from './output-directory.ts';
import { readPatch, writePatch } from './patch-file.ts';
import { saveModelDirectory } from './save-model.ts';
import { kindOfPatch } from './task-kind.ts';

/** The undo patch of a merged model, in the model's directory. */
export const UNDO_FILE = 'undo.safetensors';

/** What an undo patch tells of the model that it leads back to, as extra strings. */
const restoredKeys = { sha256: 'restored_sha256', name: 'restored_name', config: 'restored_config' } as const;

/** A model directory that was written, and the hash of its tensors, read back from it. */
export interface WrittenModel {
  readonly directory: string;
  readonly sha256: string;
}

interface WriteOptions extends LocateOptions {
  /** Replaces files that are in the directory already. */
  readonly overwrite?: boolean | undefined;
}

/**
 * Writes a model with a patch on it as a directory of its own, with an undo patch beside it.
 *
 * The files are read back before the directory gets its name: merged equals unmerged to the bit.
 *
 * @throws `input/patch-base` for another base, `input/patch`, `input/exists`; those of opening a model.
 */
export async function applyPatchToDirectory(
  modelDirectory: string,
  patch: Patch,
  out: string,
  { overwrite = false, ...options }: WriteOptions = {},
): Promise<WrittenModel> {
  const base = await openModel(modelDirectory, options);
  const before = await base.readTensors();
  const { tensors, undo } = applyPatch(before, patch, { createSha256 });
  const { id2label } = patch.metadata;
  const labels = id2label.length > 0 ? id2label : base.labels;
  const kind = kindOfPatch(patch.metadata) ?? base.kind;
  const extra = {
    [restoredKeys.sha256]: patch.metadata.baseSha256,
    [restoredKeys.name]: base.name,
    [restoredKeys.config]: await readText(join(base.directory, 'config.json')),
  };
  await writeDirectory(out, { overwrite }, async (staging) => {
    await saveModelDirectory(staging, { base, tensors: weightsOnly(tensors), kind, labels });
    await writePatch(join(staging, UNDO_FILE), { ...undo, metadata: { ...undo.metadata, extra } });
    await requireHash(staging, undo.metadata.baseSha256);
  });
  return { directory: out, sha256: undo.metadata.baseSha256 };
}

/**
 * Writes the model that a merged one was made from, by the undo patch that {@link applyPatchToDirectory} left.
 *
 * Every bit of its tensors is what it was, proven by the hash that the undo patch holds, and so is its `config.json`.
 *
 * @throws `input/patch-base` for another model, `input/patch` for a patch that is no undo patch, `input/exists`;
 *   those of opening a model.
 */
export async function revertPatchInDirectory(
  mergedDirectory: string,
  out: string,
  {
    undoPath = join(mergedDirectory, UNDO_FILE),
    overwrite = false,
  }: WriteOptions & { readonly undoPath?: string } = {},
): Promise<WrittenModel> {
  const merged = await openModelDirectory(mergedDirectory);
  const undo = await readPatch(undoPath);
  const { [restoredKeys.sha256]: sha256, [restoredKeys.config]: config } = undo.metadata.extra;
  if (undo.metadata.method !== 'undo' || sha256 === undefined || config === undefined) {
    throw new GspfError('input/patch', {
      subject: undoPath,
      expected: 'an undo patch, as gspf patch apply writes it beside the merged model',
      got: `a patch of method "${undo.metadata.method}"`,
    });
  }
  const tensors = revertPatch(await merged.readTensors(), undo, { createSha256 });
  await writeDirectory(out, { overwrite }, async (staging) => {
    await saveModelDirectory(staging, {
      base: merged,
      tensors: weightsOnly(tensors),
      kind: undefined,
      labels: undefined,
    });
    await writeTextAtomically(join(staging, 'config.json'), config);
    await requireHash(staging, sha256);
  });
  return { directory: out, sha256 };
}

/**
 * The patch that leads from one model directory to another.
 *
 * @throws `input/patch` for models of different element types; those of opening a model.
 */
export async function diffModelDirectories(
  baseDirectory: string,
  tunedDirectory: string,
  options: LocateOptions = {},
): Promise<Patch> {
  const base = await openModel(baseDirectory, options);
  const tuned = await openModel(tunedDirectory, options);
  const before = await base.readTensors();
  return diffTensors(before, await tuned.readTensors(), {
    ...patchFormat,
    baseSha256: baseSha256(before, createSha256),
    baseName: base.name,
    method: 'diff',
    task: '',
    id2label: tuned.labels ?? [],
    createdBy: `gspf ${version}`,
    extra: {
      ...(tuned.kind === undefined ? {} : { task_kind: tuned.kind }),
      ...originStrings(base.origin),
    },
  });
}

/** Reads a directory back and compares it with what it should hold. */
async function requireHash(directory: string, expected: string): Promise<void> {
  const written = await (await openModelDirectory(directory)).readTensors();
  const got = baseSha256(written, createSha256);
  if (got === expected) return;
  throw new GspfError('runtime/failed', {
    subject: `${directory}, read back`,
    expected: `tensors with sha256 ${expected}`,
    got: `sha256 ${got}`,
    hint: 'Nothing was left in place. Check the disk; if it is sound, this is a defect in gspf.',
  });
}

function weightsOnly(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor<WeightType>> {
  return new Map([...tensors].map(([name, tensor]) => [name, requireWeight(tensor, name)]));
}
