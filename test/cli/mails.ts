import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixture, gspf, type Ran } from './terminal.ts';

const words = ['borl', 'flim', 'tavu', 'nesk', 'grum', 'pelo', 'wost', 'dinka', 'murpe', 'yalf'];

/** A table of made-up texts, whose label follows from a word that they hold. */
export function writeMails(folder: string, rows = 60, name = 'mails.csv'): string {
  const lines = Array.from({ length: rows }, (_, row) => {
    const text = [0, 1, 2, 3].map((at) => words[(row * 7 + at * 3) % words.length]);
    return `${text.join(' ')} ${row % 2 === 0 ? 'chul' : 'trask'},${row % 2 === 0 ? 'good' : 'bad'}`;
  });
  const path = join(folder, name);
  writeFileSync(path, `message,label\n${lines.join('\n')}\n`);
  return path;
}

/** The words of a short training run on the tiny encoder. */
export function trainingWords(folder: string, out = 'run'): string[] {
  const data = writeMails(folder);
  return [
    ...['train', '--model', fixture('tiny-encoder'), '--task', 'text-classification', '--data', data],
    ...['--out', join(folder, out), '--epochs', '3', '--ratio', '5%', '--batch-size', '8', '--threads', '1'],
  ];
}

/** Trains into `folder/run`. */
export async function trainIn(folder: string): Promise<{ readonly run: string; readonly ran: Ran }> {
  return { run: join(folder, 'run'), ran: await gspf([...trainingWords(folder), '--json']) };
}
