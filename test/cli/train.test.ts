import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSelection } from '../../src/node/selection-file.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { trainIn, trainingWords, writeMails } from './mails.ts';
import { fixture, gspf, type Ran, temporaryFolder } from './terminal.ts';

const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');
const linesOf = (path: string) =>
  read(path, 'metrics.jsonl')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('gspf train', () => {
  test('writes a run directory that tells what happened', async () => {
    const folder = temporaryFolder();
    const { run, ran } = await trainIn(folder);
    expect(ran.status).toBe(0);
    const document = JSON.parse(ran.stdout);
    const record = JSON.parse(read(run, 'run.json'));
    expect(document).toEqual({ directory: run, ...record });
    expect(record).toMatchObject({
      format: 'gspf-run',
      startedAt: '2026-01-02T03:04:05.000Z',
      versions: { node: process.versions.node },
      host: { platform: process.platform, arch: process.arch },
      options: { epochs: 3, batchSize: 8, select: { ratio: 0.05 } },
      task: { labels: ['bad', 'good'], trainExamples: 54, evaluationExamples: 6 },
      frozen: { identical: true },
    });
    expect(record.command.slice(0, 2)).toEqual(['gspf', 'train']);

    // 54 examples in batches of 8: 7 steps an epoch, one of three epochs measures.
    const lines = linesOf(run);
    const steps = lines.filter((line) => 'loss' in line);
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));
    expect(Object.keys(steps[0])).toEqual([
      'step',
      'epoch',
      'phase',
      'loss',
      'lr',
      'gradNorm',
      'tokens',
      'elapsedMs',
      'rssBytes',
    ]);
    expect(steps.map(({ phase }) => phase)).toEqual([...Array(7).fill('warmup'), ...Array(14).fill('train')]);
    const evaluations = lines.filter((line) => 'metrics' in line);
    expect(evaluations.map(({ step, epoch }) => [step, epoch])).toEqual([
      [14, 2],
      [21, 3],
    ]);
    expect(evaluations.at(-1).metrics).toEqual(record.metrics);
  });

  test('writes the selection that the report counts, and a patch within it', async () => {
    const { run } = await trainIn(temporaryFolder());
    const record = JSON.parse(read(run, 'run.json'));
    const selection = await readSelection(join(run, 'selection.safetensors'));
    const patch = decodeSafetensors(readFileSync(join(run, 'patch.safetensors')), 'patch').tensors;
    // The head of 2 × 16 + 2 weights is new and trained whole.
    const whole = [...selection].filter(([, indices]) => indices === 'all').map(([name]) => name);
    expect(whole).toEqual(expect.arrayContaining(['classifier.bias', 'classifier.weight']));
    const sizes: Record<string, number> = { 'classifier.bias': 2, 'classifier.weight': 32 };
    let count = 0;
    for (const [name, indices] of selection) count += indices === 'all' ? sizes[name]! : indices.length;
    expect(count).toBe(record.active);
    for (const key of patch.keys()) {
      if (!key.endsWith('.values')) continue;
      const changed = patch.get(key)!.data.length;
      const selected = selection.get(key.slice(0, -'.values'.length));
      expect(selected instanceof Int32Array && selected.length >= changed).toBe(true);
    }
  });

  test('prints an aligned summary and what to type next', async () => {
    const folder = temporaryFolder();
    const { status, stdout, stderr } = await gspf(trainingWords(folder));
    expect(status).toBe(0);
    expect(stdout).not.toMatch(/undefined|NaN|null|\[object/);
    const rows = stdout.split('\n\n')[0]!.trim().split('\n');
    const columns = rows.map((row) => /^( {2})?\S+( \S+)*? {2,}/.exec(row)![0].length);
    expect(new Set(columns).size).toBe(1);
    const next = stdout.split('\nNext:\n')[1]!;
    expect(next).toContain(`gspf eval --patch ${join(folder, 'run')} --task text-classification`);
    expect(next).not.toContain('--model');
    expect(stderr).toContain('epoch 3/3  accuracy');
    expect(stderr).not.toContain('\u001b');
  });

  test('draws a bar on a terminal, never wider than it', async () => {
    const { stderr } = await gspf(trainingWords(temporaryFolder()), { isTTY: true, columns: 60 });
    const bars = stderr.split('\r\u001b[K').map((part) => part.split('\n')[0]!);
    const drawn = bars.filter((bar) => bar.includes('─') || bar.includes('━'));
    expect(drawn.length).toBeGreaterThan(0);
    for (const bar of drawn) expect(bar.length).toBeLessThan(60);
  });

  test('under --quiet standard error stays empty', async () => {
    const { stderr, stdout } = await gspf([...trainingWords(temporaryFolder()), '--quiet']);
    expect(stderr).toBe('');
    expect(stdout).toContain('peak memory');
  });

  test('never overwrites a finished run unasked, and reuses the directory of a failed one', async () => {
    const folder = temporaryFolder();
    const { run } = await trainIn(folder);
    const before = read(run, 'run.json');
    const again = await gspf(trainingWords(folder));
    expect(again.status).toBe(2);
    expect(again.stderr).toContain('[input/exists]');
    expect(read(run, 'run.json')).toBe(before);
    const failed = await gspf([...trainingWords(folder), '--overwrite', '--lr', '1e30']);
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain('[training/diverged]');
    expect(existsSync(join(run, 'run.json'))).toBe(false);
    expect(existsSync(join(run, 'patch.safetensors'))).toBe(false);
    expect((await gspf(trainingWords(folder))).status).toBe(0);
  });

  test('a file gives way to --set, and that to a flag', async () => {
    const folder = temporaryFolder();
    const config = join(folder, 'run.yaml');
    writeFileSync(config, 'epochs: 5\nlr: 0.01\nseed: 1\nselect:\n  ratio: 10%\n');
    const words = [
      ...['train', '--model', fixture('tiny-encoder'), '--task', 'text-classification'],
      ...['--data', writeMails(folder), '--out', join(folder, 'run'), '--json'],
      ...['--lr', '0.03', '--config', config, '--set', 'lr=0.02', '--set', 'epochs=2', '--threads', '1'],
    ];
    const { options } = JSON.parse((await gspf(words)).stdout);
    expect(options).toMatchObject({ lr: 0.03, epochs: 2, seed: 1, select: { ratio: 0.1 } });
  });

  test('Ctrl-C finishes the step, says what is left and exits with 130', async () => {
    const folder = temporaryFolder();
    const { status, stderr } = await gspf(trainingWords(folder), {
      onListening: (interrupt) => setTimeout(interrupt, 0),
    });
    expect(status).toBe(130);
    expect(stderr).toContain('Stopping after this step. Press Ctrl-C again to leave at once.');
    expect(stderr).toMatch(
      /error: The run was stopped .* \[usage\/cancelled\]\n {2}hint: A checkpoint is in/,
    );
    expect(existsSync(join(folder, 'run', 'run.json'))).toBe(false);
    expect(existsSync(join(folder, 'run', 'metrics.jsonl'))).toBe(true);

    const anew = await gspf(trainingWords(folder));
    expect([anew.status, anew.stderr]).toEqual([
      2,
      expect.stringContaining('or begin anew with --overwrite'),
    ]);

    const resumed = await gspf([...trainingWords(folder), '--resume']);
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/Resumed after step \d+\./);
    const lines = readFileSync(join(folder, 'run', 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const steps = lines.map((line) => JSON.parse(line)).filter(({ metrics }) => metrics === undefined);
    expect(steps.map(({ step }) => step)).toEqual(steps.map((_, i) => i + 1));

    await gspf(trainingWords(folder, 'whole'));
    const patches = ['run', 'whole'].map((run) => readFileSync(join(folder, run, 'patch.safetensors')));
    expect(patches[0]?.equals(patches[1] ?? Buffer.alloc(0))).toBe(true);

    const again = await gspf([...trainingWords(folder), '--resume']);
    expect([again.status, again.stdout]).toEqual([0, expect.stringContaining('nothing to resume')]);
  });

  test('a second run in the same directory is refused, and the first goes on', async () => {
    const folder = temporaryFolder();
    let second: Promise<Ran> | undefined;
    const first = await gspf(trainingWords(folder), {
      onListening: () => {
        second = gspf(trainingWords(folder));
      },
    });
    expect(first.status, first.stderr).toBe(0);
    const refused = await second;
    expect([refused?.status, refused?.stderr]).toEqual([
      2,
      expect.stringMatching(
        /held by process \d+ on host .+ since 2026-01-02T03:04:05\.000Z \[input\/locked\]/,
      ),
    ]);
    expect(existsSync(join(folder, 'run', 'run.lock'))).toBe(false);
  });

  test('the lock of a run that was killed is taken over, and that is said', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'run'));
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const lock = { pid, host: hostname(), since: '2026-01-01T00:00:00.000Z', started: null, token: 'theirs' };
    writeFileSync(join(folder, 'run', 'run.lock'), JSON.stringify(lock));
    const { status, stderr } = await gspf(trainingWords(folder));
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(`run over from process ${pid} of 2026-01-01T00:00:00.000Z, which is gone.`);
  });

  test('a file in place of the directory is refused before anything is trained', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a'));
    writeFileSync(join(folder, 'a', 'run'), '');
    const { status, stderr } = await gspf(trainingWords(folder, 'a/run'));
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining('expected a directory to write in, got a file'),
    ]);
  });
});
