import type { DownloadProgress } from '../node/hub/fetch-model.ts';
import type { LocateOptions } from '../node/locate-model.ts';
import { formatBytes, formatDuration } from './format.ts';
import { type CliIo, isLive, type OutputStream } from './io.ts';
import type { Output } from './output.ts';

/** Where a command looks for models, and tells of downloads. */
export interface DownloadContext {
  readonly io: CliIo;
  readonly output: Output;
}

/** Pause between two drawings of the bar, and between two plain lines. */
const REDRAW_MS = 100;
const PLAIN_LINE_MS = 10_000;
const BAR_WIDTH = 24;

/** Calls `find` with a listener that shows downloads, and takes the bar away when it is done. */
export async function reportDownloads<T>(
  { io, output }: DownloadContext,
  find: (options: LocateOptions) => Promise<T>,
): Promise<T> {
  const display = new DownloadDisplay(io.stderr, { live: isLive(io), now: io.now });
  const onDownload = output.quiet ? undefined : (progress: DownloadProgress) => display.onProgress(progress);
  try {
    return await find({ env: io.env, onDownload });
  } finally {
    display.clear();
  }
}

/** Shows how a download goes: a bar on a terminal, a plain line now and then elsewhere. */
class DownloadDisplay {
  readonly #stream: OutputStream;
  readonly #live: boolean;
  readonly #now: () => Date;
  #begun = false;
  #barShown = false;
  #shownAtMs = Number.NEGATIVE_INFINITY;

  constructor(stream: OutputStream, { live, now }: { readonly live: boolean; readonly now: () => Date }) {
    this.#stream = stream;
    this.#live = live;
    this.#now = now;
  }

  onProgress(progress: DownloadProgress): void {
    const { model, receivedBytes, totalBytes } = progress;
    if (!this.#begun) this.#stream.write(`Downloading ${model} from the hub into its cache.\n`);
    this.#begun = true;
    const nowMs = this.#now().getTime();
    const done = receivedBytes === totalBytes;
    if (!done && nowMs - this.#shownAtMs < (this.#live ? REDRAW_MS : PLAIN_LINE_MS)) return;
    this.#shownAtMs = nowMs;
    const text = this.#words(progress);
    if (this.#live) this.#stream.write(`\r\u001b[K${text}`);
    else this.#stream.write(`${text}\n`);
    this.#barShown = this.#live;
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#barShown) this.#stream.write('\r\u001b[K');
    this.#barShown = false;
  }

  #words({ file, receivedBytes, totalBytes, remainingMs }: DownloadProgress): string {
    const filled = Math.round((BAR_WIDTH * receivedBytes) / Math.max(totalBytes, 1));
    const bar = `${'━'.repeat(filled)}${'─'.repeat(BAR_WIDTH - filled)}`;
    const words = [
      file,
      ...(this.#live ? [bar] : []),
      `${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}`,
      ...(remainingMs === undefined ? [] : [`${formatDuration(remainingMs)} left`]),
    ];
    // A line as wide as the terminal would break, and the next drawing would not cover it.
    return this.#live ? words.join('  ').slice(0, (this.#stream.columns ?? 80) - 1) : words.join('  ');
  }
}
