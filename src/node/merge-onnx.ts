import { copyFile, mkdir, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GspfError } from '../errors.ts';
import { decodeModel } from '../onnx/decode.ts';
import { type ReplacedTensors, replaceTensors } from '../onnx/replace-tensors.ts';
import { applyPatch, revertPatch } from '../patch/apply.ts';
import { baseSha256 } from '../patch/hash.ts';
import type { Changes, Patch } from '../patch/patch.ts';
import type { Tensor } from '../tensor.ts';
import { createSha256, readBytes, writeAtomically } from './files.ts';
import type { WrittenModel } from './merge.ts';
import { copyCompanions } from './onnx-companions.ts';
import { externalReader } from './onnx-file.ts';
import { loadOnnxModel, type OnnxModel } from './onnx-model.ts';
import { writeDirectory } from './output-directory.ts';
import { readPatch, writePatch } from './patch-file.ts';

/** The undo patch of a merged model, beside it. */
const UNDO_FILE = 'undo.safetensors';

/** What the undo patch tells of the model that it leads back to. */
const RESTORED = 'restored_sha256';

interface WriteOptions {
  /** Replaces files that are in the directory already. */
  readonly overwrite?: boolean | undefined;
}

/**
 * Writes an ONNX file with a patch on it, its external data and what lies beside it into a directory, with an undo patch.
 * Only the values that the patch names change; the rest of the file is copied byte for byte.
 *
 * @throws `input/patch-base` for another base, `input/patch` for a patch with a new head, or with floats for tensors that
 *   the file has quantised, `input/exists`.
 */
export async function applyPatchToOnnx(
  path: string,
  patch: Patch,
  out: string,
  { overwrite = false }: WriteOptions = {},
): Promise<WrittenModel> {
  const model = await loadOnnxModel(path);
  requireFloats(patch, model);
  const before = await model.readTensors();
  const { tensors, undo } = applyPatch(before, patch, { createSha256 });
  const { id2label } = patch.metadata;
  const added = [...patch.tensors.keys()].filter((name) => !before.has(name));
  if (added.length > 0) {
    throw new GspfError('input/patch', {
      subject: `patch with a new head (${added.join(', ')})`,
      expected: 'values for tensors that the file has',
      got: 'tensors that it lacks',
      hint: 'gspf export --format onnx writes the model with its head.',
    });
  }
  const extra = { [RESTORED]: patch.metadata.baseSha256 };
  await writeDirectory(out, { overwrite }, async (staging) => {
    await writeChanged(path, staging, changed(patch, tensors), id2label.length > 0 ? id2label : undefined);
    await writePatch(join(staging, UNDO_FILE), { ...undo, metadata: { ...undo.metadata, extra } });
    await requireHash(join(staging, basename(path)), undo.metadata.baseSha256);
  });
  return { directory: out, sha256: undo.metadata.baseSha256 };
}

/**
 * Writes the file that a merged one was made from, by the undo patch beside it.
 *
 * @throws `input/patch-base` for another model, `input/patch` for a patch that is no undo patch, `input/exists`.
 */
export async function revertPatchInOnnx(
  merged: string,
  out: string,
  {
    undoPath = join(dirname(merged), UNDO_FILE),
    overwrite = false,
  }: WriteOptions & { readonly undoPath?: string } = {},
): Promise<WrittenModel> {
  const undo = await readPatch(undoPath);
  const { [RESTORED]: sha256 } = undo.metadata.extra;
  if (undo.metadata.method !== 'undo' || sha256 === undefined) {
    throw new GspfError('input/patch', {
      subject: undoPath,
      expected: 'an undo patch, as gspf patch apply writes it beside the merged model',
      got: `a patch of method "${undo.metadata.method}"`,
    });
  }
  const tensors = revertPatch(await (await loadOnnxModel(merged)).readTensors(), undo, { createSha256 });
  await writeDirectory(out, { overwrite }, async (staging) => {
    await writeChanged(merged, staging, changed(undo, tensors), undefined);
    await requireHash(join(staging, basename(merged)), sha256);
  });
  return { directory: out, sha256 };
}

/** @throws `input/patch` for a patch that changes tensors which the file holds as integers. */
function requireFloats(patch: Patch, { path, quantized }: OnnxModel): void {
  const [first, ...others] = [...patch.tensors.keys()].filter((name) => quantized.has(name));
  if (first === undefined) return;
  throw new GspfError('input/patch', {
    subject: `${path}, tensor "${first}"${others.length === 0 ? '' : ` and ${others.length} more`}`,
    expected: 'tensors that the file holds as floats, to change their values in it',
    got: `${quantized.get(first)}, which the patch has trained as floats`,
    hint: 'gspf export --format onnx writes the model with the patch, these tensors as float32.',
  });
}

function changed(changes: Changes, tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...tensors].filter(([name]) => changes.tensors.has(name)));
}

/** Writes a model with other values, the files that hold its data and those beside it. */
async function writeChanged(
  path: string,
  out: string,
  tensors: ReadonlyMap<string, Tensor>,
  labels: readonly string[] | undefined,
): Promise<void> {
  const bytes = await readBytes(path);
  const replaced = replaceTensors(bytes, tensors, path);
  await writeAtomically(join(out, basename(path)), [replaced.bytes]);
  await copyExternal(path, bytes, out, replaced);
  await copyCompanions(path, out, labels);
}

/** Copies the files with the model's external data, and makes the changes in them. */
async function copyExternal(
  path: string,
  bytes: Uint8Array,
  out: string,
  { external }: ReplacedTensors,
): Promise<void> {
  const locations = new Set<string>();
  const read = externalReader(path);
  decodeModel(bytes, {
    source: path,
    readExternal: (location, offset, length) => {
      locations.add(location);
      return read(location, offset, length);
    },
  });
  for (const location of locations) {
    const target = join(out, location);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(dirname(path), location), target);
    const file = await open(target, 'r+');
    try {
      for (const edit of external) {
        if (edit.location === location) await file.write(edit.bytes, 0, edit.bytes.length, edit.offset);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

async function requireHash(path: string, expected: string): Promise<void> {
  const got = baseSha256(await (await loadOnnxModel(path)).readTensors(), createSha256);
  if (got === expected) return;
  throw new GspfError('runtime/failed', {
    subject: `${path}, read back`,
    expected: `tensors with sha256 ${expected}`,
    got: `sha256 ${got}`,
    hint: 'Nothing was left in place. Check the disk; if it is sound, this is a defect in gspf.',
  });
}
