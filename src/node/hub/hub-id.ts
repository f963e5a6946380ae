/** A model of the hub. */
export interface HubId {
  /** `org/name`. */
  readonly name: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

/**
 * Reads `org/name` or `org/name@revision`; undefined for anything else.
 *
 * Names are made as the hub makes them: letters, digits, `-`, `_` and `.`, no `..` and no `--`.
 */
export function parseHubId(text: string): HubId | undefined {
  const [, name, revision = 'main'] = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:@([\w.][\w./-]*))?$/.exec(text) ?? [];
  if (name === undefined || /\.\.|--/.test(name) || revision.includes('..')) return undefined;
  return { name, revision };
}

/** `org/name`, and `@revision` where it is not the usual one. */
export function formatHubId({ name, revision }: HubId): string {
  return revision === 'main' ? name : `${name}@${revision}`;
}
