// The process that makes one run of the demonstration: its argument is the job, its messages are what comes of it.
import type { ChildMessage } from './child.ts';
import { type MethodJob, runMethod } from './method.ts';

const tell = (message: ChildMessage): void => void process.send?.(message);
const job: MethodJob = JSON.parse(process.argv[2] ?? '');
const outcome = await runMethod(job, (evaluation) => tell({ kind: 'evaluation', evaluation }));
tell({ kind: 'outcome', outcome });
process.disconnect?.();
