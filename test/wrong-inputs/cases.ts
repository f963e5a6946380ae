import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Something that a newcomer does wrong. */
export interface WrongInput {
  /** What is wrong, as the title of its place in docs/wrong-inputs.md. */
  readonly what: string;
  /** The words after `gspf`, in a folder with `model`, `mails.csv` and the finished run `runs/mails`. */
  readonly words: string;
  /** Makes the wrong thing. */
  readonly prepare?: () => void;
  /** 2, wrong usage or input, unless the work itself fails. */
  readonly status?: 1;
}

const mails = (): string => readFileSync('mails.csv', 'utf8');
const write = (path: string, content: string | Uint8Array) => (): void => writeFileSync(path, content);
/** A copy of the model with one of its files changed. */
const brokenModel = (directory: string, file: string, change: (bytes: Buffer) => Uint8Array) => (): void => {
  cpSync('model', directory, { recursive: true });
  writeFileSync(`${directory}/${file}`, change(readFileSync(`model/${file}`)));
};
const brokenPatch = (path: string, change: (bytes: Buffer) => Uint8Array) => (): void =>
  writeFileSync(path, change(readFileSync('runs/mails/patch.safetensors')));
const edited = (change: (text: string) => string) => (bytes: Buffer) => Buffer.from(change(bytes.toString()));
const cut = (share: number) => (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length * share));

const train = (data: string, more = ''): string =>
  `train --model model --task text-classification --data ${data} --out runs/new${more}`;

/** The commands and their options. */
const usage: readonly WrongInput[] = [
  { what: 'A command that does not exist', words: 'trian --model model' },
  { what: 'An option that does not exist', words: 'train --modle model --task sst2 --out runs/new' },
  {
    what: 'A required option left out',
    words: 'train --task text-classification --data mails.csv --out runs/new',
  },
  { what: 'An option without its value', words: 'train --model' },
  {
    what: 'A task that does not exist',
    words: 'train --model model --task text-clasification --data mails.csv --out runs/new',
  },
  { what: 'A training option that does not exist', words: train('mails.csv', ' --set selct.ratio=0.01') },
  {
    what: 'A training option that does not exist, deeper',
    words: train('mails.csv', ' --set select.ration=0.01'),
  },
  { what: 'A ratio in per cent without the sign', words: train('mails.csv', ' --ratio 30') },
  { what: 'A learning rate that is no number', words: train('mails.csv', ' --lr fast') },
  { what: 'A batch size of nothing', words: train('mails.csv', ' --batch-size 0') },
  { what: 'More tokens than the model can take', words: train('mails.csv', ' --max-length 100000') },
  { what: 'Options that contradict each other', words: train('mails.csv', ' --set warmup.slices=2') },
  {
    what: 'A glob that matches nothing',
    words: train('mails.csv', " --set select.include=['bert.encoder.layers.*']"),
  },
  { what: 'Three class weights for two labels', words: train('mails.csv', ' --class-weights 1,2,3') },
  {
    what: 'A YAML file with an unknown option',
    words: train('mails.csv', ' --config wrong.yaml'),
    prepare: write('wrong.yaml', 'epochs: 3\nselect:\n  rate: 0.01\n'),
  },
  {
    what: 'A YAML file that is none',
    words: train('mails.csv', ' --config broken.yaml'),
    prepare: write('broken.yaml', 'epochs: [3\n'),
  },
];

/** The user's own data. */
const data: readonly WrongInput[] = [
  { what: 'A data file with a slip in its name', words: train('mials.csv') },
  { what: 'A kind of file that is not read', words: train('mails.xlsx'), prepare: write('mails.xlsx', 'PK') },
  { what: 'An empty file', words: train('empty.csv'), prepare: write('empty.csv', '') },
  {
    what: 'A header and nothing else',
    words: train('header.csv'),
    prepare: write('header.csv', 'message,label\n'),
  },
  {
    what: 'A single label',
    words: train('one.csv'),
    prepare: () => writeFileSync('one.csv', mails().replaceAll(',bad', ',good')),
  },
  {
    what: 'Rows of different lengths',
    words: train('ragged.csv'),
    prepare: () => writeFileSync('ragged.csv', `${mails()}one,two,three\n`),
  },
  {
    what: 'A quote that is never closed',
    words: train('quote.csv'),
    prepare: () => writeFileSync('quote.csv', `${mails()}"never,good\n`),
  },
  {
    what: 'Semicolons in a .csv',
    words: train('semicolons.csv'),
    prepare: () => writeFileSync('semicolons.csv', mails().replaceAll(',', ';')),
  },
  {
    what: 'Text that is not UTF-8',
    words: train('latin1.csv'),
    prepare: () => writeFileSync('latin1.csv', Buffer.from(`${mails()}schön,good\n`, 'latin1')),
  },
  {
    what: 'Columns whose names say nothing',
    words: train('letters.csv'),
    prepare: () => writeFileSync('letters.csv', mails().replace('message,label', 'a,b')),
  },
  { what: 'A column that is not there', words: train('mails.csv', ' --text-column mesage') },
  {
    what: 'A row without a text',
    words: train('blank.csv'),
    prepare: () => writeFileSync('blank.csv', `${mails()},good\n`),
  },
  {
    what: 'A row without a label',
    words: train('unlabelled.csv'),
    prepare: () => writeFileSync('unlabelled.csv', `${mails()}borl flim,\n`),
  },
  {
    what: 'A label in the evaluation file that training never saw',
    words: train('mails.csv', ' --eval-data other.csv'),
    prepare: () => writeFileSync('other.csv', mails().replaceAll(',bad', ',awful')),
  },
  {
    what: 'Broken JSON Lines',
    words: train('broken.jsonl'),
    prepare: write('broken.jsonl', '{"text":"borl","label":"good"}\n{"text":"flim","label":\n'),
  },
  {
    what: 'JSON Lines that hold lists',
    words: train('lists.jsonl'),
    prepare: write('lists.jsonl', '["borl","good"]\n'),
  },
  {
    what: 'A Parquet file that was cut off',
    words: train('short.parquet'),
    prepare: write('short.parquet', 'PAR1 and then nothing more'),
  },
  {
    what: 'A target that is no number',
    words: 'train --model model --task text-regression --data stars.csv --out runs/new',
    prepare: write('stars.csv', 'text,score\nborl,4.5\nflim,NaN\ntavu,3\n'),
  },
  {
    what: 'Questions that are no SQuAD',
    words: 'train --model model --task question-answering --data questions.json --out runs/new',
    prepare: write('questions.json', '{"questions": []}'),
  },
  {
    what: 'An official task without its files',
    words: 'train --model model --task cola --data . --out runs/new',
  },
  {
    what: 'A task of official files without --data',
    words: 'train --model model --task sst2 --out runs/new',
  },
];

/** Models and patches. */
const models: readonly WrongInput[] = [
  {
    what: 'A model directory with a slip in its name',
    words: train('mails.csv').replace('--model model', '--model modle'),
  },
  {
    what: 'A directory that is no model',
    words: train('mails.csv').replace('--model model', '--model runs'),
  },
  {
    what: 'A model without its weights',
    words: train('mails.csv').replace('--model model', '--model weightless'),
    prepare: () => {
      mkdirSync('weightless');
      for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
        cpSync(`model/${file}`, `weightless/${file}`);
    },
  },
  {
    what: 'Weights that were cut off',
    words: train('mails.csv').replace('--model model', '--model short'),
    prepare: brokenModel('short', 'model.safetensors', cut(0.7)),
  },
  {
    what: 'Weights that are a page of the web',
    words: train('mails.csv').replace('--model model', '--model page'),
    prepare: brokenModel('page', 'model.safetensors', () =>
      Buffer.from('<!doctype html><title>Sign in</title>'),
    ),
  },
  {
    what: 'A broken config.json',
    words: train('mails.csv').replace('--model model', '--model brace'),
    prepare: brokenModel('brace', 'config.json', cut(0.5)),
  },
  {
    what: 'A kind of model that gspf does not build',
    words: train('mails.csv').replace('--model model', '--model llama'),
    prepare: brokenModel(
      'llama',
      'config.json',
      edited((text) => text.replace('"bert"', '"llama"')),
    ),
  },
  {
    what: 'A config that does not fit the weights',
    words: train('mails.csv').replace('--model model', '--model wide'),
    prepare: brokenModel(
      'wide',
      'config.json',
      edited((text) => text.replace(/"intermediate_size": \d+/, '"intermediate_size": 999')),
    ),
  },
  {
    what: 'A broken tokenizer.json',
    words: train('mails.csv').replace('--model model', '--model wordless'),
    prepare: brokenModel('wordless', 'tokenizer.json', () => Buffer.from('{"version": "1.0"}')),
  },
  { what: 'A base model asked to classify', words: 'predict --model model --text borl' },
  { what: 'A patch with a slip in its name', words: 'predict --model model --patch runs/mial --text borl' },
  {
    what: 'A patch that was cut off',
    words: 'patch info short.safetensors',
    prepare: brokenPatch('short.safetensors', cut(0.6)),
  },
  { what: 'Weights given as a patch', words: 'patch info model/model.safetensors' },
  {
    what: 'A patch for another model',
    words: 'patch apply runs/mails --model other --out merged',
    prepare: brokenModel('other', 'model.safetensors', (bytes) => {
      const changed = Buffer.from(bytes);
      changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
      return changed;
    }),
  },
  { what: 'A model that was never merged, to be reverted', words: 'patch revert model --out base' },
  {
    what: 'An ONNX file that is none',
    words: 'gradients mails.csv --inputs a.safetensors --cotangents b.safetensors --out c.safetensors',
  },
  {
    what: 'An export to a format that does not exist',
    words: 'export --model model --patch runs/mails --format pytorch --out exported',
  },
];

/** Folders and runs. */
const folders: readonly WrongInput[] = [
  { what: 'A folder that holds a finished run', words: train('mails.csv').replace('runs/new', 'runs/mails') },
  {
    what: 'A folder that holds an interrupted run',
    words: train('mails.csv').replace('runs/new', 'runs/stopped'),
    prepare: () => mkdirSync('runs/stopped/checkpoint', { recursive: true }),
  },
  { what: 'An output folder that is a file', words: train('mails.csv').replace('runs/new', 'mails.csv') },
  {
    what: 'A folder below a file',
    words: train('mails.csv').replace('runs/new', 'mails.csv/run'),
    status: 1,
  },
  {
    what: 'A run taken up with another option',
    words: `${train('mails.csv').replace('runs/new', 'runs/mails')} --resume --epochs 3 --ratio 5% --batch-size 8 --threads 1 --lr 0.5`,
  },
  {
    what: 'A run that kept no scores, to be explained',
    words: 'explain runs/mails --tensor bert.pooler.dense.weight',
  },
  {
    what: 'A merged model over an existing folder',
    words: 'patch apply runs/mails --model model --out runs',
  },
];

export const wrongInputs: Readonly<Record<string, readonly WrongInput[]>> = {
  'Commands and options': usage,
  'Your data': data,
  'Models and patches': models,
  'Folders and runs': folders,
};
