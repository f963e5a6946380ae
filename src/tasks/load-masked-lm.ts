import { chooseTextColumns } from '../data/columns.ts';
import { emptyFile } from '../data/table.ts';
import { readTable } from '../data/table-format.ts';
import { textsOf } from './examples.ts';
import { type MaskedLmTask, maskedLm, type PlainTexts } from './masked-lm.ts';
import { limit, readOwnData, type TaskFiles, type TaskOptions } from './sources.ts';

/**
 * Loads a task of masked language modelling from the user's own texts: a line each of a `.txt` file, blank ones left
 * out, or a row each of a table.
 *
 * @throws `usage/option` for options that do not fit, `input/data` for bad files; what `files` throws passes through.
 */
export async function loadMaskedLm(options: TaskOptions, files: TaskFiles): Promise<MaskedLmTask> {
  const read = async (path: string): Promise<PlainTexts> => {
    if (path.toLowerCase().endsWith('.txt')) return textLines(await files.readText(path), path);
    const table = await readTable(path, files);
    const { text, note } = chooseTextColumns(table, options);
    const texts = table.rows.map((_, row) => textsOf(table, row, { text, textPair: undefined }));
    return { texts, notes: note === undefined ? [] : [note] };
  };
  const own = await readOwnData('masked-lm', options, files, 'text', read);
  return limit(maskedLm({ ...own, evalRatio: options.evalRatio, seed: options.seed }), options);
}

function textLines(text: string, source: string): PlainTexts {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const texts = lines.filter((line) => line.trim() !== '').map((line) => ({ text: line }));
  if (texts.length === 0) throw emptyFile(source, 'a text a line');
  return { texts, notes: [] };
}
