import type { CliIo } from './io.ts';

/** What a command found: a document for programs, a text for people. */
export interface Result {
  readonly document: unknown;
  readonly text: string;
}

/** Where a command's words go: results to standard output, all else to standard error. */
export class Output {
  readonly quiet: boolean;
  readonly #io: CliIo;
  readonly #json: boolean;

  constructor(
    io: CliIo,
    { json = false, quiet = false }: { readonly json?: boolean; readonly quiet?: boolean },
  ) {
    this.quiet = quiet;
    this.#io = io;
    this.#json = json;
  }

  /** A sentence that the user should read; silent under `--quiet`. */
  note(sentence: string): void {
    if (!this.quiet) this.#io.stderr.write(`${sentence}\n`);
  }

  /** The one result of a command: the document under `--json`, the text otherwise. */
  result({ document, text }: Result): void {
    this.#io.stdout.write(this.#json ? `${JSON.stringify(document, null, 2)}\n` : `${text}\n`);
  }

  /** Text that a person may follow while the command works; the document of {@link result} has it too. */
  progress(text: string): void {
    if (!this.#json) this.#io.stdout.write(`${text}\n`);
  }

  /** One line of JSON Lines, for commands whose result is made of them. */
  line(value: unknown): void {
    this.#io.stdout.write(`${JSON.stringify(value)}\n`);
  }
}
