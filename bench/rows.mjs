// What is measured: each row is two things in turn, and a bar for their ratio where there is one.

const METHODS = { full: 'full', lora: 'LoRA', shira: 'SHiRA', bitfit: 'BitFit', top: 'top layers only' };
const PRECISIONS = ['fp32', 'bf16'];

/** How a peer is called. */
export function peerName({ method, precision, compiled = false }) {
  return `PyTorch ${METHODS[method]} ${precision}${compiled ? ', compiled' : ''}`;
}

const full = { method: 'full', precision: 'fp32' };
const ourStep = (kind, mask = 'real') => ({ kind, mask });

/** Seconds that starting a row and one pair of it take on two cores: for the time left, until it is known. */
const stepRow = (id, says, ours, theirs, more = {}) => ({
  id,
  kind: 'steps',
  says,
  ours,
  theirs,
  expected: { start: 45, pair: 8 },
  ...more,
});

const surgical = [
  stepRow('A.all', 'surgical step over all layers', ourStep('all'), full, {
    bar: 0.65,
    aim: 0.5,
    quickly: 3,
  }),
  stepRow('A.frontier', 'with the frontier, no cache', ourStep('frontier'), full, {
    bar: 0.42,
    aim: 0.33,
    quickly: 3,
  }),
  stepRow('A.cached', 'with the prefix cached', ourStep('cached'), full, {
    bar: 0.18,
    aim: 0.12,
    quickly: 3,
  }),
  stepRow('A.full', 'full fine-tuning step', ourStep('full'), full, { bar: 1, aim: 0.85, quickly: 3 }),
  stepRow('A.all-uniform', 'surgical step over all layers, uniform mask', ourStep('all', 'uniform'), full),
  stepRow('A.frontier-uniform', 'with the frontier, uniform mask', ourStep('frontier', 'uniform'), full),
  stepRow('A.cached-uniform', 'with the prefix cached, uniform mask', ourStep('cached', 'uniform'), full),
];

/** Every peer in every precision against our fastest step. */
const peers = (compiled) =>
  Object.keys(METHODS).flatMap((method) =>
    PRECISIONS.filter((precision) => compiled || method !== 'full' || precision !== 'fp32').map(
      (precision) => {
        const peer = { method, precision, compiled };
        const id = `A.peer.${method}-${precision}${compiled ? '-compiled' : ''}`;
        const more = { ...(id === 'A.peer.lora-bf16' && { quickly: 3 }) };
        const expected = { start: compiled ? 150 : 40, pair: 4 };
        return stepRow(id, 'with the prefix cached', ourStep('cached'), peer, { ...more, expected });
      },
    ),
  );

const memory = [
  {
    id: 'A.memory-surgical',
    kind: 'memory',
    says: 'peak RSS of a surgical run from a saved selection',
    ours: { run: 'saved' },
    theirs: full,
    bar: 0.3,
    aim: 0.2,
    quickly: 1,
    expected: { start: 5, pair: 60 },
  },
  {
    id: 'A.memory-whole',
    kind: 'memory',
    says: 'peak RSS of a whole run, warm-up included',
    ours: { run: 'whole' },
    theirs: full,
    bar: 0.55,
    aim: 0.35,
    expected: { start: 5, pair: 80 },
  },
];

const products = {
  id: 'A.int8',
  kind: 'products',
  says: "the prefix's products, int8 ÷ fp32",
  bar: 0.45,
  aim: 0.3,
  quickly: 9,
  expected: { start: 10, pair: 1 },
};

const share = {
  id: 'B.outside',
  kind: 'share',
  says: 'JavaScript outside session.run, share of a surgical step',
  ours: ourStep('all'),
  bar: 0.03,
  aim: 0.01,
  quickly: 9,
  expected: { start: 10, pair: 0.3 },
};

const whole = {
  id: 'B.whole',
  kind: 'runs',
  says: 'whole run of 3 epochs',
  theirs: full,
  bar: 0.4,
  aim: 0.22,
  expected: { start: 0, pair: 160 },
};

/** Our epochs are cheap once the prefix is kept: how soon PyTorch's score is reached by a run that has more of them. */
const longer = {
  id: 'B.whole-5',
  kind: 'runs',
  says: 'whole run of 5 epochs, beside one of 3',
  epochs: 5,
  theirs: full,
  pairs: 9,
  expected: { start: 0, pair: 170 },
};

const wholePeers = Object.keys(METHODS).flatMap((method) =>
  PRECISIONS.filter((precision) => method !== 'full' || precision !== 'fp32').map((precision) => ({
    id: `B.peer.${method}-${precision}`,
    kind: 'runs',
    says: 'whole run of 3 epochs',
    theirs: { method, precision },
    pairs: 1,
    expected: { start: 0, pair: 140 },
  })),
);

const comparisons = [...peers(false), ...wholePeers, ...peers(true)];
const isInBf16 = ({ theirs }) => theirs.precision === 'bf16';

/** In the order in which they are measured: bars first, and last what may be emulated. */
export const rows = [
  ...surgical.slice(0, 4),
  share,
  products,
  ...memory,
  whole,
  longer,
  ...surgical.slice(4),
  ...comparisons.filter((row) => !isInBf16(row)),
  ...comparisons.filter(isInBf16),
];

/** The rows of some names, and where a word is no row's name those that begin with it; all where there are no words. */
export function chosenRows(words) {
  const names = new Set(rows.map(({ id }) => id));
  const isMeant = (id) => words.some((word) => (names.has(word) ? id === word : id.startsWith(word)));
  return words.length === 0 ? rows : rows.filter(({ id }) => isMeant(id));
}
