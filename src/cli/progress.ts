import type { Evaluation, Progress } from '../training/observer.ts';
import { formatBytes, formatDuration, formatMetric, metricName } from './format.ts';
import type { OutputStream } from './io.ts';

/** Pause between two drawings of the bar, and between two plain lines. */
const REDRAW_MS = 100;
const PLAIN_LINE_MS = 10_000;
const BAR_WIDTH = 24;
/** Share of the newest step in the running mean of step times. */
const NEWEST_SHARE = 0.1;

const phaseNames: { readonly [P in Progress['phase']]: string } = { warmup: 'warm-up', train: 'train' };

/**
 * Shows how a run goes: a bar that is drawn over and over on a terminal, a plain line now and then elsewhere. It
 * tells the time by the run's own clock.
 */
export class ProgressDisplay {
  readonly #stream: OutputStream;
  readonly #live: boolean;
  readonly #epochs: number;
  #barShown = false;
  #shownAtMs = Number.NEGATIVE_INFINITY;
  #previousMs = 0;
  #phase: Progress['phase'] | undefined;
  #msPerStep: number | undefined;

  /** @param options.live Draw a bar. */
  constructor(stream: OutputStream, options: { readonly live: boolean; readonly epochs: number }) {
    this.#stream = stream;
    this.#live = options.live;
    this.#epochs = options.epochs;
  }

  onProgress(progress: Progress): void {
    const { phase, step, steps, elapsedMs } = progress;
    this.#time(phase, elapsedMs);
    const pauseMs = this.#live ? REDRAW_MS : PLAIN_LINE_MS;
    if (step !== steps && elapsedMs - this.#shownAtMs < pauseMs) return;
    this.#shownAtMs = elapsedMs;
    if (this.#live) this.#draw(progress);
    else this.line(this.#parts(progress).join('  '));
  }

  onEvaluation({ epoch, metrics, elapsedMs }: Evaluation): void {
    // Scoring is no part of a step.
    this.#previousMs = elapsedMs;
    const scores = Object.entries(metrics).map(
      ([name, value]) => `${metricName(name)} ${formatMetric(name, value).padStart(6)}`,
    );
    this.line([this.#epoch(epoch), ...scores, `after ${formatDuration(elapsedMs)}`].join('  '));
  }

  /** Writes a line of text above the bar. */
  line(text: string): void {
    this.clear();
    this.#stream.write(`${text}\n`);
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#barShown) this.#stream.write('\r\u001b[K');
    this.#barShown = false;
  }

  #time(phase: Progress['phase'], elapsedMs: number): void {
    const stepMs = elapsedMs - this.#previousMs;
    this.#previousMs = elapsedMs;
    // The first step of a phase prepares its graphs: its time says little of the next.
    if (phase !== this.#phase) this.#msPerStep = undefined;
    else this.#msPerStep = (this.#msPerStep ?? stepMs) * (1 - NEWEST_SHARE) + stepMs * NEWEST_SHARE;
    this.#phase = phase;
  }

  #draw(progress: Progress): void {
    const [phase = '', ...rest] = this.#parts(progress);
    const filled = Math.round((BAR_WIDTH * progress.step) / Math.max(progress.steps, 1));
    const bar = `${'━'.repeat(filled)}${'─'.repeat(BAR_WIDTH - filled)}`;
    // A line as wide as the terminal would break, and the next drawing would not cover it.
    const room = (this.#stream.columns ?? 80) - 1;
    const words = [phase, bar, ...rest];
    while (words.length > 1 && words.join('  ').length > room) words.pop();
    this.#stream.write(`\r\u001b[K${words.join('  ').slice(0, room)}`);
    this.#barShown = true;
  }

  #parts({ phase, epoch, step, steps, loss, lr, rssBytes }: Progress): string[] {
    const ms = this.#msPerStep;
    return [
      phaseNames[phase].padEnd(7),
      this.#epoch(epoch),
      `step ${`${step}`.padStart(`${steps}`.length)}/${steps}`,
      ...(ms === undefined ? [] : [`${formatDuration(ms * (steps - step))} left`]),
      `loss ${loss.toFixed(4)}`,
      `lr ${lr.toExponential(2)}`,
      ...(ms === undefined ? [] : [`${formatDuration(ms)}/step`]),
      formatBytes(rssBytes),
    ];
  }

  #epoch(epoch: number): string {
    return `epoch ${`${epoch}`.padStart(`${this.#epochs}`.length)}/${this.#epochs}`;
  }
}
