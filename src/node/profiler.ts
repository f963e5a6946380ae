import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { chromeTrace, type Span, type Tracer, totalMs } from '../measure/trace.ts';
import { version } from '../version.ts';
import { writeTextAtomically } from './files.ts';

/** Runs of each session whose operators are listed: a profile of all would have hundreds of megabytes. */
const PROFILED_RUNS = 8;

/** Follows one session of onnxruntime. */
export interface SessionProfile {
  /** The start of the name of the file that onnxruntime writes its own profile to; undefined: none is wanted. */
  readonly prefix: string | undefined;
  /** Tells of a run. @returns whether onnxruntime's own profile is to end now */
  readonly ran: (span: Span) => boolean;
}

/** What the runtime tells of its sessions and their runs. */
export interface RuntimeProfiler {
  readonly trace: Tracer;
  /** For a new session. */
  session(): SessionProfile;
}

/** Collects what a run spends its time on: its own spans, and onnxruntime's operators. */
export class Profiler implements RuntimeProfiler {
  readonly #spans: Span[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'gspf-profile-'));
  readonly #sessions: { readonly prefix: string; readonly runs: Span[] }[] = [];

  /** Takes a span. */
  readonly trace: Tracer = (span) => void this.#spans.push(span);

  session(): SessionProfile {
    // The number ends with a letter, so that no prefix is the start of another.
    const prefix = join(this.#directory, `${this.#sessions.length}s`);
    const runs: Span[] = [];
    this.#sessions.push({ prefix, runs });
    return {
      prefix,
      ran: (span) => {
        this.trace(span);
        runs.push(span);
        return runs.length === PROFILED_RUNS;
      },
    };
  }

  /**
   * All spans: the operators of sessions whose profile has ended are among them, each inside the run it belongs to.
   */
  spans(): readonly Span[] {
    const files = readdirSync(this.#directory);
    const operators = this.#sessions.flatMap(({ prefix, runs }) => {
      const file = files.map((name) => join(this.#directory, name)).find((path) => path.startsWith(prefix));
      return file === undefined ? [] : operatorSpans(readFileSync(file, 'utf8'), runs);
    });
    return [...this.#spans, ...operators];
  }

  /**
   * Writes a trace that chrome://tracing and Perfetto open.
   *
   * @returns the share of the phases that was spent in `session.run`
   * @throws `output/failed` where it cannot be written.
   */
  async write(path: string): Promise<number> {
    const spans = this.spans();
    const trace = chromeTrace(spans, `gspf ${version}`);
    await writeTextAtomically(path, `${JSON.stringify(trace)}\n`);
    return totalMs(spans, 'session') / totalMs(spans, 'phase');
  }

  /** Removes onnxruntime's files. */
  release(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/**
 * The operators in a profile that onnxruntime wrote. Its clock starts with the session: the n-th `model_run` is put into the
 * middle of the n-th run that was timed here.
 */
function operatorSpans(profile: string, runs: readonly Span[]): readonly Span[] {
  const events = parseProfile(profile);
  const timed = events.filter(({ cat, name }) => cat === 'Session' && name === 'model_run');
  return timed.slice(0, runs.length).flatMap((run, i) => {
    const around = runs[i];
    if (around === undefined) return [];
    const shift = around.startMs + (around.durationMs - run.dur / 1000) / 2 - run.ts / 1000;
    return events
      .filter(({ cat, ts, dur }) => cat === 'Node' && ts >= run.ts && ts + dur <= run.ts + run.dur)
      .map(({ name, ts, dur, args }) => ({
        name: args?.op_name ?? name,
        kind: 'operator' as const,
        startMs: ts / 1000 + shift,
        durationMs: dur / 1000,
        details: { node: name.replace(/_kernel_time$/, '') },
      }));
  });
}

/** A profile of a session that was cut short lacks its closing bracket. */
function parseProfile(text: string): z.infer<typeof profileSchema> {
  const trimmed = text.trim().replace(/,$/, '');
  return profileSchema.parse(JSON.parse(trimmed.endsWith(']') ? trimmed : `${trimmed}]`));
}

const profileSchema = z.array(
  z.object({
    cat: z.string().optional(),
    name: z.string(),
    ts: z.number(),
    dur: z.number().default(0),
    args: z.object({ op_name: z.string().optional() }).optional(),
  }),
);
