import { freemem } from 'node:os';
import { GspfError } from '../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { specialize } from '../specialize/specialize.ts';
import { float32, type Tensor } from '../tensor.ts';
import { describeHub } from './hub/diagnose-hub.ts';
import type { LocateOptions } from './locate-model.ts';
import type { DirectoryModel } from './model-directory.ts';

/** One thing that {@link diagnose} looked at. */
export interface Diagnosis {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  /** What was found. */
  readonly detail: string;
  /** What to do about it; undefined where all is well. */
  readonly advice?: string | undefined;
}

/** Below this much memory even a small encoder is tight. */
const COMFORTABLE_BYTES = 2e9;
const GIGABYTE = 1e9;

/**
 * Looks at what gspf needs of this machine and, where one is given, of a model directory. Failures are reported, not
 * thrown.
 */
export async function* diagnose(
  modelDirectory?: string,
  options: LocateOptions = {},
): AsyncGenerator<Diagnosis> {
  yield nodeVersion();
  yield platformSupport();
  yield await runtime();
  yield memory();
  yield await hub(options);
  if (modelDirectory !== undefined) yield* diagnoseModel(modelDirectory, options);
}

async function hub({ env }: LocateOptions): Promise<Diagnosis> {
  const { detail, advice } = await describeHub(env);
  return { name: 'hub', status: advice === undefined ? 'ok' : 'warn', detail, advice };
}

function nodeVersion(): Diagnosis {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const recent = major > 20 || (major === 20 && minor >= 19);
  return {
    name: 'Node.js',
    status: recent ? 'ok' : 'fail',
    detail: node,
    advice: recent ? undefined : 'Install Node.js 20.19 or later.',
  };
}

/** Platforms that onnxruntime-node has binaries for. */
const binaries = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64', 'win32-arm64'];

function platformSupport(): Diagnosis {
  const platform = `${process.platform}-${process.arch}`;
  const found = { name: 'platform', detail: platform } as const;
  if (!binaries.includes(platform)) {
    const advice =
      platform === 'darwin-x64'
        ? 'onnxruntime-node has no binary for Macs with an Intel processor: use Linux in a container there.'
        : `onnxruntime-node has no binary for it, but for ${binaries.join(', ')}.`;
    return { ...found, status: 'fail', advice };
  }
  if (process.platform === 'linux' && glibcVersion() === undefined) {
    const advice = 'onnxruntime-node needs glibc: use an image based on Debian or Ubuntu instead of Alpine.';
    return { ...found, status: 'fail', detail: `${platform} without glibc`, advice };
  }
  return { ...found, status: 'ok' };
}

/** Undefined on systems with another C library, such as musl. */
function glibcVersion(): string | undefined {
  const report: unknown = process.report.getReport();
  if (typeof report !== 'object' || report === null || !('header' in report)) return undefined;
  const { header } = report;
  if (typeof header !== 'object' || header === null || !('glibcVersionRuntime' in header)) return undefined;
  return typeof header.glibcVersionRuntime === 'string' ? header.glibcVersionRuntime : undefined;
}

/** Whether onnxruntime loads, and multiplies right. */
async function runtime(): Promise<Diagnosis> {
  const name = 'onnxruntime';
  try {
    const { onnxRuntime } = await import('./onnxruntime.ts');
    const { host } = await import('./host.ts');
    const backend = onnxRuntime();
    const builder = new GraphBuilder();
    builder.input({ name: 'x', dtype: 'float32', shape: [2, 2] });
    builder.op('MatMul', ['x', 'x'], {}, 'y');
    const graph = builder.build('doctor', [{ name: 'y', dtype: 'float32', shape: [2, 2] }]);
    const executable = await backend.compile(specialize(graph, { dims: {}, variables: new Set() }));
    const product = float32([2, 2], [0, 0, 0, 0]);
    await executable.run(new Map([['x', float32([2, 2], [1, 2, 3, 4])]]), new Map([['y', product]]));
    await executable.release();
    if (product.data.join() !== '7,10,15,22') {
      const advice = 'This machine computes wrongly with it: reinstall onnxruntime-node.';
      return { name, status: 'fail', detail: `a product of ${product.data.join(' ')}`, advice };
    }
    const { cpu, cores } = host();
    const { listSupportedBackends } = await import('onnxruntime-node');
    const providers = listSupportedBackends().filter(({ bundled }) => bundled);
    const detail = `${backend.name} (it has ${providers.map((provider) => provider.name).join(', ')}), ${cores} cores, ${cpu}`;
    return { name, status: 'ok', detail };
  } catch (error) {
    const detail = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    const advice =
      'Reinstall the package: rm -rf node_modules, then npm install, with install scripts allowed. On Windows, install the Visual C++ runtime.';
    return { name, status: 'fail', detail, advice };
  }
}

function memory(): Diagnosis {
  // In a container the limit of its control group counts; without a limit Node gives 0 or a huge number.
  const limit = process.constrainedMemory();
  const free = freemem();
  const availableBytes = limit > 0 ? Math.min(free, limit - process.memoryUsage.rss()) : free;
  const enough = availableBytes >= COMFORTABLE_BYTES;
  return {
    name: 'memory',
    status: enough ? 'ok' : 'warn',
    detail: `${(availableBytes / GIGABYTE).toFixed(1)} GB free`,
    advice: enough
      ? undefined
      : 'Training needs some 2 GB for a small encoder: use small batches (--batch-size 8) and short texts (--max-length 64).',
  };
}

async function* diagnoseModel(path: string, options: LocateOptions): AsyncGenerator<Diagnosis> {
  const { openModel } = await import('./open-model.ts');
  let model: DirectoryModel;
  let tensors: ReadonlyMap<string, Tensor>;
  try {
    model = await openModel(path, options);
  } catch (error) {
    yield failed('model', error);
    return;
  }
  const { encoder, labels } = model;
  yield {
    name: 'config',
    status: 'ok',
    detail: `${encoder.modelType}, hidden size ${encoder.hiddenSize}, texts of up to ${encoder.maxPositions} tokens`,
  };
  yield tokenizer(model);
  try {
    tensors = await model.readTensors();
  } catch (error) {
    yield failed('tensors', error);
    return;
  }
  const dtypes = [...new Set([...tensors.values()].map(({ dtype }) => dtype))];
  const parameters = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
  yield {
    name: 'tensors',
    status: 'ok',
    detail: `${tensors.size} with ${new Intl.NumberFormat('en').format(parameters)} weights in ${dtypes.join(' and ')}`,
  };
  yield {
    name: 'classifier',
    status: 'ok',
    detail: labels === undefined ? 'none yet: training makes one' : `labels ${labels.join(', ')}`,
  };
  const fresh = encoder.parameters.filter(({ name }) => !tensors.has(name)).map(({ name }) => name);
  if (fresh.length > 0) {
    yield { name: 'missing', status: 'warn', detail: fresh.join(', '), advice: 'Training draws them anew.' };
  }
  yield zeroGradients(encoder.zeroGradient);
}

function tokenizer({ tokenizer: texts, encoder }: DirectoryModel): Diagnosis {
  const name = 'tokenizer';
  const { ids } = texts.encode('A short sentence, to see whether it works.', undefined, encoder.maxPositions);
  const highest = Math.max(...ids);
  if (highest < encoder.vocabSize) {
    return { name, status: 'ok', detail: `gives ids within the vocabulary of ${encoder.vocabSize}` };
  }
  return {
    name,
    status: 'fail',
    detail: `gives id ${highest}, beyond the vocabulary of ${encoder.vocabSize}`,
    advice: 'tokenizer.json and config.json must be of the same model.',
  };
}

/** Tensors that no training changes; the default of `select.exclude` leaves them alone. */
function zeroGradients(names: readonly string[]): Diagnosis {
  const name = 'no gradient';
  if (names.length === 0) return { name, status: 'ok', detail: 'no tensor without one' };
  const rest = names.length > 1 ? ` and ${names.length - 1} more like it` : '';
  return {
    name,
    status: 'ok',
    detail: `${names[0]}${rest}: zero by construction, so training leaves it alone`,
  };
}

function failed(name: string, error: unknown): Diagnosis {
  if (!(error instanceof GspfError)) throw error;
  const { hint, ...details } = error.details;
  const advice = hint === undefined || hint === '' ? undefined : hint;
  return { name, status: 'fail', detail: new GspfError(error.code, details).message, advice };
}
