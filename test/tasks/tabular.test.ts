import { describe, expect, it } from 'vitest';
import { loadTask } from '../../src/tasks/load.ts';
import { rejection } from '../data/failure.ts';
import { filesOf } from './files.ts';

const wine = [
  'id,acid,sugar,colour,quality',
  ...Array.from({ length: 20 }, (_, i) => `${i},${i / 4},${20 - i},red,${i % 2 === 0 ? 'good' : 'poor'}`),
].join('\n');

describe('tables of features', () => {
  it('takes the columns of numbers, and says so', async () => {
    const files = filesOf({ 'wine.csv': wine });
    const task = await loadTask(
      'tabular-classification',
      { data: 'wine.csv', labelColumn: 'quality' },
      files,
    );
    if (task.kind !== 'arrays') throw new Error(task.kind);
    expect([task.train.length, task.evaluation.length, task.labels]).toEqual([18, 2, ['good', 'poor']]);
    const { arrays } = task.train[0]!;
    expect(arrays.columns).toEqual(['acid', 'sugar']);
    expect(arrays.inputs.get('features')).toEqual({
      dtype: 'float32',
      shape: [20, 2],
      data: Float32Array.from(Array.from({ length: 20 }, (_, i) => [i / 4, 20 - i]).flat()),
    });
    expect([...arrays.target!.tensor.data].slice(0, 3)).toEqual([0, 1, 0]);
    expect(task.notes).toEqual([
      'wine.csv: took 2 columns of numbers as features, without "id", "colour", "quality" as what is to be learnt (--feature-columns, --label-column to choose).',
      'wine.csv: held out 2 of 20 rows for evaluation (evaluation ratio 0.1, stratified by label, seed 0).',
    ]);
  });

  it('reads an evaluation table by the names of the columns', async () => {
    const files = filesOf({
      'a.csv': 'x,y,target\n1,2,0.5\n3,4,1.5\n',
      'b.csv': 'target,y,note,x\n7,6,n,5\n',
    });
    const task = await loadTask('tabular-regression', { data: 'a.csv', evalData: 'b.csv' }, files);
    if (task.kind !== 'arrays') throw new Error(task.kind);
    const { inputs, target } = task.evaluation[0]!.arrays;
    expect([inputs.get('features')?.data, target?.tensor.data]).toEqual([
      Float32Array.of(5, 6),
      Float32Array.of(7),
    ]);
  });

  it.each([
    [
      'x,y,target\n1,2,0.5\n3,,1.5\n',
      {},
      'a.csv:3: expected a finite number in column "y", got an empty field',
    ],
    ['x,target\n1,0.5\n3,high\n', {}, 'a.csv:3: expected a finite number in column "target", got "high"'],
    ['a,b\n1,2\n', {}, 'expected a label column with a usual name'],
    ['name,target\nb,2\n', {}, 'expected columns of numbers'],
    ['x,target\n1,2\n', { featureColumns: ['xx'] }, 'expected a column "xx"'],
    [
      'x,target\n1,2\n',
      { featureColumns: ['target'], labelColumn: 'target' },
      'expected features without the column',
    ],
  ])('refuses %j', async (text, options, message) => {
    const files = filesOf({ 'a.csv': text });
    expect(await rejection(loadTask('tabular-regression', { data: 'a.csv', ...options }, files))).toContain(
      message,
    );
  });
});
