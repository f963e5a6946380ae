/** What a stretch of time was spent on. */
export type SpanKind = 'phase' | 'step' | 'evaluation' | 'session' | 'javascript' | 'operator';

/** A stretch of time. */
export interface Span {
  readonly name: string;
  readonly kind: SpanKind;
  /** Milliseconds by the clock of the run. */
  readonly startMs: number;
  readonly durationMs: number;
  /** What else there is to tell. */
  readonly details?: Readonly<Record<string, string | number>>;
}

/** Is told of each stretch of time when it is over. */
export type Tracer = (span: Span) => void;

/** Does some work, and tells of it when it is over. */
export async function traced<T>(
  { trace, now }: { readonly trace?: Tracer | undefined; readonly now: () => number },
  kind: SpanKind,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  if (trace === undefined) return work();
  const startMs = now();
  const result = await work();
  trace({ name, kind, startMs, durationMs: now() - startMs });
  return result;
}

/** An event of the Chrome trace-event format: a complete one (`X`) with its duration, or metadata (`M`). */
export interface TraceEvent {
  readonly name: string;
  readonly cat?: string;
  readonly ph: 'X' | 'M';
  /** Microseconds since the first span began. */
  readonly ts?: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly args?: Readonly<Record<string, string | number>>;
}

/** A document that chrome://tracing and Perfetto open. */
export interface ChromeTrace {
  readonly displayTimeUnit: 'ms';
  readonly traceEvents: readonly TraceEvent[];
}

/**
 * Spans as a document in the Chrome trace-event format ("Trace Event Format", JSON object form): all on one line of
 * time, where a span lies inside those that enclose it.
 *
 * @param name Of the process, for the one who looks at it.
 */
export function chromeTrace(spans: readonly Span[], name: string): ChromeTrace {
  const origin = spans.reduce((least, { startMs }) => Math.min(least, startMs), Number.POSITIVE_INFINITY);
  // An enclosing span comes first: it begins earlier, or at the same time and ends later.
  const sorted = [...spans].sort((a, b) => a.startMs - b.startMs || b.durationMs - a.durationMs);
  return {
    displayTimeUnit: 'ms',
    traceEvents: [
      { name: 'process_name', ph: 'M', pid: 1, tid: 1, args: { name } },
      ...sorted.map(
        ({ name, kind, startMs, durationMs, details }): TraceEvent => ({
          name,
          cat: kind,
          ph: 'X',
          ts: 1000 * (startMs - origin),
          dur: 1000 * durationMs,
          pid: 1,
          tid: 1,
          ...(details && { args: details }),
        }),
      ),
    ],
  };
}

/** Milliseconds of all spans of a kind. */
export function totalMs(spans: readonly Span[], kind: SpanKind): number {
  return spans.reduce((sum, span) => sum + (span.kind === kind ? span.durationMs : 0), 0);
}
