/** One of the two streams that a command writes to. */
export interface OutputStream {
  /** Whether a person is likely to look at it. */
  readonly isTTY: boolean;
  /** Characters a line, where it is a terminal. */
  readonly columns: number | undefined;
  write(text: string): void;
}

/** What the commands take from the process around them. */
export interface CliIo {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** All of standard input, as text. */
  readonly stdin: () => Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The time of day. */
  readonly now: () => Date;
  /**
   * Calls `listener` on the first Ctrl-C instead of leaving; a second one leaves at once.
   *
   * @returns a function that takes the listener off again
   */
  readonly onInterrupt: (listener: () => void) => () => void;
}

/** Whether a bar can be drawn: a terminal that can move its cursor, and no build server. */
export function isLive({ stderr, env }: CliIo): boolean {
  return stderr.isTTY && env['TERM'] !== 'dumb' && (env['CI'] ?? '') === '';
}
