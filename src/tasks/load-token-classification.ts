import { GspfError } from '../errors.ts';
import { limit, readOwnData, type TaskFiles, type TaskOptions } from './sources.ts';
import { readTaggedSentences, type TaggedSentence } from './tagged-sentences.ts';
import { type TokenClassificationTask, tokenClassification } from './token-classification.ts';

/**
 * Loads a task of token classification from the user's own files, CoNLL or JSON.
 *
 * @throws `usage/option` for options that do not fit, `input/data` for bad files; what `files` throws passes through.
 */
export async function loadTokenClassification(
  options: TaskOptions,
  files: TaskFiles,
): Promise<TokenClassificationTask> {
  const { evaluationOnly, evalRatio, labels, seed } = options;
  if (evaluationOnly && labels === undefined) {
    throw new GspfError('usage/option', {
      subject: 'labels',
      expected: "the model's label names, to evaluate it",
      got: 'none',
    });
  }
  const read = async (path: string): Promise<TaggedSentence[]> =>
    readTaggedSentences(await files.readText(path), path);
  const own = await readOwnData('token-classification', options, files, 'list of sentences', read);
  return limit(tokenClassification({ ...own, evalRatio, labels, seed }), options);
}
