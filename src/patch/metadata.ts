import { GspfError } from '../errors.ts';

/** What marks a file as a patch that this version writes and reads; spread it into new metadata. */
export const patchFormat = { format: 'gspf-patch', version: 1 } as const;

/** Where a patch comes from and what it is for. */
export interface PatchMetadata {
  readonly format: typeof patchFormat.format;
  readonly version: typeof patchFormat.version;
  /** Hash of the base, by `baseSha256`. */
  readonly baseSha256: string;
  /** The base as its user named it: a hub id, a directory, a file. */
  readonly baseName: string;
  /** The method that made the patch: `gspf`, `full`, `diff`, `undo`, … */
  readonly method: string;
  /** The task that it was trained for, empty where there was none. */
  readonly task: string;
  /** Label names by class number, empty where there are none. */
  readonly id2label: readonly string[];
  /** How many of the base's weights were selected. */
  readonly selected: number;
  /** Their share of the base's weights, from 0 to 1. */
  readonly ratio: number;
  /** The program that wrote it, with its version. */
  readonly createdBy: string;
  /** Further strings, such as `max_length`, under names that the format does not use itself. */
  readonly extra: Readonly<Record<string, string>>;
}

const ownKeys: readonly string[] = [
  'format',
  'version',
  'base_sha256',
  'base_name',
  'method',
  'task',
  'id2label',
  'selected',
  'ratio',
  'created_by',
  'removed',
];

type Strings = Readonly<Record<string, string>>;

/**
 * The strings that a patch's file holds: numbers, `id2label` (as in a config.json) and `removed` are JSON.
 *
 * @throws `input/patch` for an extra string whose name the format uses, and for values that it cannot hold.
 */
export function encodeMetadata(metadata: PatchMetadata, removed: readonly string[]): Strings {
  const taken = ownKeys.find((key) => Object.hasOwn(metadata.extra, key));
  if (taken !== undefined) {
    fail('metadata of a patch', `extra strings under names other than ${ownKeys.join(', ')}`, `"${taken}"`);
  }
  const strings = {
    ...metadata.extra,
    format: metadata.format,
    version: `${metadata.version}`,
    base_sha256: metadata.baseSha256,
    base_name: metadata.baseName,
    method: metadata.method,
    task: metadata.task,
    id2label: JSON.stringify(Object.fromEntries(metadata.id2label.entries())),
    selected: JSON.stringify(metadata.selected),
    ratio: JSON.stringify(metadata.ratio),
    created_by: metadata.createdBy,
    ...(removed.length === 0 ? {} : { removed: JSON.stringify(removed) }),
  };
  decodeMetadata(strings, 'metadata of a patch');
  return strings;
}

/**
 * Reads the strings of a patch's file, which `source` names.
 *
 * @throws `input/patch` for a file that is no patch, an unknown version, and missing or malformed values.
 */
export function decodeMetadata(
  strings: Strings,
  source: string,
): { readonly metadata: PatchMetadata; readonly removed: readonly string[] } {
  const { format, version } = strings;
  if (format !== patchFormat.format) {
    fail(source, `a patch, with metadata format "${patchFormat.format}"`, show(format));
  }
  if (version !== `${patchFormat.version}`) {
    const hint = 'Another version of gspf wrote this patch; use that one.';
    fail(source, `a patch of version ${patchFormat.version}`, show(version), hint);
  }
  const text = (key: string): string => strings[key] ?? fail(`${source}: ${key}`, 'a string', 'none');
  const json = <T>(key: string, parse: (value: unknown) => T | undefined, expected: string): T => {
    const value = parse(parseJson(text(key)));
    return value ?? fail(`${source}: ${key}`, expected, show(text(key)));
  };
  const baseSha256 = text('base_sha256');
  if (!/^[0-9a-f]{64}$/.test(baseSha256)) {
    fail(`${source}: base_sha256`, '64 lower-case hexadecimal digits', show(baseSha256));
  }
  const metadata: PatchMetadata = {
    ...patchFormat,
    baseSha256,
    baseName: text('base_name'),
    method: text('method'),
    task: text('task'),
    id2label: json('id2label', toLabels, 'an object such as {"0": "no", "1": "yes"}'),
    selected: json('selected', toCount, 'a count'),
    ratio: json('ratio', toShare, 'a number from 0 to 1'),
    createdBy: text('created_by'),
    extra: Object.fromEntries(Object.entries(strings).filter(([key]) => !ownKeys.includes(key))),
  };
  const removed = Object.hasOwn(strings, 'removed') ? json('removed', toNames, 'a list of names') : [];
  return { metadata, removed };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function toShare(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= 1 ? value : undefined;
}

function toNames(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.every((name) => typeof name === 'string') ? value : undefined;
}

/** `{"0": …, "1": …}` as a list; the keys are the class numbers without holes. */
function toLabels(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  // JavaScript keeps integer keys in ascending order.
  const entries = Object.entries(value);
  return entries.every(([key], id) => key === `${id}`)
    ? toNames(entries.map(([, label]) => label))
    : undefined;
}

function show(text: string | undefined): string {
  return text === undefined ? 'none' : JSON.stringify(text);
}

function fail(subject: string, expected: string, got: string, hint = ''): never {
  throw new GspfError('input/patch', { subject, expected, got, hint });
}
