import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Graph } from '../../src/graph/graph.ts';
import { decodeModel } from '../../src/onnx/decode.ts';
import { rewrittenTypes } from '../../src/ops/rewrites.ts';
import { isOpType } from '../../src/ops/table.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import type { Tensor } from '../../src/tensor.ts';
import { sharedPath } from '../data/shared-files.ts';

const metaSchema = z.object({
  zero_gradient: z.array(z.string()),
  gradient_norms: z.record(z.string(), z.number()),
  gradients: z.record(z.string(), z.unknown()),
  initializers_without_gradient: z.record(z.string(), z.unknown()),
});

/** A model exported by PyTorch, with its gradients in float64. */
export interface Case {
  readonly name: string;
  /** Operators of the model that the table lacks. */
  readonly lacking: readonly string[];
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly expected: ReadonlyMap<string, Tensor>;
  readonly meta: z.infer<typeof metaSchema>;
}

/** The cases of GSPF_GRADPARITY_DIR, else those beside the repository; none, with the reason printed, without. */
export function gradientCases(): readonly Case[] {
  const root = process.env['GSPF_GRADPARITY_DIR'] ?? sharedPath('gradparity');
  return root === undefined ? [] : casesIn(root);
}

/** Our own cases, of `test/fixtures/exports`: they have the gradients of some initializers only. */
export function ownCases(): readonly Case[] {
  return casesIn(fileURLToPath(new URL('../fixtures/exports', import.meta.url)));
}

function casesIn(root: string): readonly Case[] {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    existsSync(join(root, name, 'meta.json')),
  );
  return names.sort().map((name): Case => {
    const read = (file: string): Uint8Array => readFileSync(join(root, name, file));
    const tensors = (file: string) => decodeSafetensors(read(file), `${name}/${file}`).tensors;
    const graph = decodeModel(read('model.onnx'), { source: `${name}/model.onnx` });
    const opTypes = new Set(graph.nodes.map(({ opType }) => opType));
    return {
      name,
      lacking: [...opTypes].filter((opType) => !isOpType(opType) && !rewrittenTypes.includes(opType)).sort(),
      graph,
      inputs: tensors('inputs.safetensors'),
      expected: tensors('expected.safetensors'),
      meta: metaSchema.parse(JSON.parse(new TextDecoder().decode(read('meta.json')))),
    };
  });
}
