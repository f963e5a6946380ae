import { fork } from 'node:child_process';
import { GspfError } from '../errors.ts';
import type { Evaluation } from '../training/observer.ts';
import type { MethodJob, MethodOutcome, RunMethod } from './method.ts';

/** What the process of one method tells: its scores as they come, then its outcome. */
export type ChildMessage =
  | { readonly kind: 'evaluation'; readonly evaluation: Evaluation }
  | { readonly kind: 'outcome'; readonly outcome: MethodOutcome };

/**
 * Makes a run in a process of its own, whose peak memory is that of this run alone.
 *
 * @throws `runtime/failed` where the process ends without an outcome; it has told why on standard error.
 */
export const runMethodInChild: RunMethod = (job, onEvaluation) =>
  new Promise((resolve, reject) => {
    const child = fork(new URL('./child-main.js', import.meta.url), [JSON.stringify(job)]);
    child.on('message', (message: ChildMessage) => {
      if (message.kind === 'evaluation') onEvaluation(message.evaluation);
      else resolve(message.outcome);
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(ended(job, code, signal)));
  });

/** After an outcome this changes nothing: a promise is settled once. */
function ended({ method }: MethodJob, code: number | null, signal: NodeJS.Signals | null): GspfError {
  const got = signal === null ? `exit status ${code}` : `signal ${signal}`;
  return new GspfError('runtime/failed', {
    subject: `process of method ${method}`,
    expected: 'a result',
    got,
  });
}
