import type { Command } from 'commander';
import type { TrainOptions } from '../options/options.ts';
import type { OptionTree } from '../options/tree.ts';
import { collect } from './command.ts';

export interface TrainOptionFlags {
  readonly method?: string;
  readonly preset?: string;
  readonly ratio?: string;
  readonly epochs?: string;
  readonly batchSize?: string;
  readonly microBatch?: string;
  readonly maxLength?: string;
  readonly lr?: string;
  readonly seed?: string;
  readonly loss?: string;
  readonly classWeights?: string;
  readonly output?: string;
  readonly headOn?: string;
  readonly config?: string;
  readonly costTable?: string;
  readonly set?: readonly string[];
  /** For which the costs of this machine are measured. */
  readonly threads?: number;
}

/** The options of the tree that have a flag of their own. */
const aliases = {
  method: 'method',
  preset: 'preset',
  ratio: 'select.ratio',
  epochs: 'epochs',
  batchSize: 'batchSize',
  microBatch: 'microBatch',
  maxLength: 'maxLength',
  lr: 'lr',
  seed: 'seed',
  loss: 'loss',
  classWeights: 'classWeights',
  output: 'graph.output',
  headOn: 'graph.headOn',
} as const satisfies Partial<Record<keyof TrainOptionFlags, string>>;

/** Adds the flags that set training options. */
export function trainOptions(command: Command): void {
  command
    .option('--method <name>', 'gspf trains selected weights, full all of them (default: gspf)')
    .option('--ratio <share>', 'share of the weights to select: 0.003 or 0.3%')
    .option('--epochs <n>', 'passes over the data, the first of which measures')
    .option('--batch-size <n>', 'examples a step')
    .option('--micro-batch <n>', 'examples computed at a time (default: all of a step)')
    .option('--max-length <n|auto>', 'tokens after which a text is cut')
    .option('--lr <rate>', 'learning rate')
    .option('--class-weights <list>', 'factors of the classes in the loss: balanced, or 1,2.5 by label')
    .option('--loss <name>', 'of an .onnx model on arrays or a table: what it is trained by')
    .option('--output <name>', 'of an .onnx model: the output to train')
    .option('--head-on <name>', 'of an .onnx model: the value to put a new head on')
    .option('--seed <n>', 'seed of everything random (default: 0)')
    .option(
      '--preset <name>',
      "values of what is not given: tuned, or paper for the paper's (default: tuned)",
    )
    .option('--config <file>', 'YAML file of training options')
    .option(
      '--cost-table <file|auto>',
      'run.json of another run, or its sparseCosts: computes gradients the same way; auto measures this machine, once',
    )
    .option('--set <path=value>', 'any training option, as select.scope=layer; may be repeated', collect);
}

/**
 * The options that the flags give, names and values checked. A file gives way to `--set`, and that to the flags for
 * single options.
 */
export async function readTrainOptions(flags: TrainOptionFlags): Promise<TrainOptions> {
  const { assignOption, parseOptionsYaml } = await import('../options/paths.ts');
  const { parseOptions } = await import('../options/parse.ts');
  const { givenOptionsSchema } = await import('../options/schema.ts');
  const { mergeOptions } = await import('../options/tree.ts');
  const { readText } = await import('../node/files.ts');
  let tree: OptionTree =
    flags.config === undefined ? {} : parseOptionsYaml(await readText(flags.config), flags.config);
  if (flags.costTable === 'auto') {
    const { machineCosts } = await import('../node/cost-table.ts');
    tree = mergeOptions(tree, { sparseCosts: { ...(await machineCosts(flags.threads)).costs } });
  } else if (flags.costTable !== undefined) {
    tree = mergeOptions(tree, await readCostTable(flags.costTable));
  }
  for (const assignment of flags.set ?? []) tree = assignOption(tree, assignment);
  for (const flag of keysOf(aliases)) {
    const value = flags[flag];
    if (value === undefined) continue;
    const written = flag === 'classWeights' && value.includes(',') ? `[${value}]` : value;
    tree = assignOption(tree, `${aliases[flag]}=${written}`);
  }
  // What the schema accepts has the names and values of options and nothing else.
  const check: (tree: OptionTree) => asserts tree is TrainOptions = (tree) =>
    void parseOptions(givenOptionsSchema, tree);
  check(tree);
  return tree;
}

/** The costs in a JSON file: those of a run's options, those under their own name, or the object itself. */
async function readCostTable(path: string): Promise<OptionTree> {
  const { readJson } = await import('../node/files.ts');
  const found: object = await readJson(path);
  const options = 'options' in found ? found.options : undefined;
  const holder = typeof options === 'object' && options !== null ? options : found;
  return { sparseCosts: 'sparseCosts' in holder ? holder.sparseCosts : found };
}

function keysOf<K extends string>(record: Readonly<Record<K, unknown>>): readonly K[] {
  return Object.keys(record).filter((key): key is K => Object.hasOwn(record, key));
}
