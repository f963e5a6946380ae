import { paddedLength } from '../data/padded-length.ts';
import type { Graph, StaticGraph } from '../graph/graph.ts';
import { dependents } from '../graph/topology.ts';
import {
  type CrossingValue,
  findCut,
  graphAbove,
  graphBelow,
  shapeFor,
  type TextLayout,
} from '../lowering/cut.ts';
import type { EightBitProducts } from '../lowering/eight-bit-products.ts';
import { type DropoutSite, withoutDropout } from '../models/dropout.ts';
import { textInputs } from '../models/text-encoder.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import { textFeeds } from '../objectives/text-feeds.ts';
import { baseSha256, type CreateSha256 } from '../patch/hash.ts';
import type { Executable } from '../runtime/backend.ts';
import type { Environment } from '../runtime/environment.ts';
import { type BatchShape, ShapeCache } from '../runtime/shape-cache.ts';
import { specialize } from '../specialize/specialize.ts';
import { float32, type Tensor } from '../tensor.ts';
import type { Weights } from './batch-gradients.ts';
import type { PrefixCache } from './prefix-cache.ts';

/** Positions that are computed at once, at most: values of more of them leave the processor's cache. */
const POSITIONS_AT_ONCE = 1024;

export interface PrefixOptions {
  /** The graph with loss, and where it drops values. */
  readonly graph: Graph;
  readonly sites: readonly DropoutSite[];
  readonly weights: Weights;
  /** Names of the tensors that may change: what does not depend on them is the prefix. */
  readonly trained: readonly string[];
  readonly padTokenId: number;
  readonly maxLength: number;
}

/** A graph in two parts: a prefix that no trained weight enters, without dropout, and what stands on it. */
export class PrefixCut {
  /** Without dropout below the cut. */
  readonly graph: Graph;
  /** The sites above it. */
  readonly sites: readonly DropoutSite[];
  readonly crossing: readonly CrossingValue[];
  readonly options: PrefixOptions;

  private constructor(options: PrefixOptions, graph: Graph, crossing: readonly CrossingValue[]) {
    this.options = options;
    this.graph = graph;
    this.sites = options.sites.filter(({ input }) => graph.inputs.some(({ name }) => name === input));
    this.crossing = crossing;
  }

  /** Undefined where there is nothing to gain: see {@link findCut}. */
  static find(options: PrefixOptions): PrefixCut | undefined {
    const { weights, trained, sites } = options;
    const graph = withoutDropoutBelow(options.graph, trained, sites);
    const crossing = findCut({
      weights: new Set(weights.keys()),
      trained: new Set(trained),
      texts: new Set(Object.values(textInputs)),
      graphOf: (batch, sequence) => specializeTo(graph, { batch, sequence }),
    });
    return crossing && new PrefixCut(options, graph, crossing);
  }

  /** What makes the values that cross, from texts and weights. */
  below(shape: BatchShape): StaticGraph {
    return graphBelow(specializeTo(this.graph, shape), this.#names);
  }

  /** The part of {@link graph}, specialised, that makes its outputs from the values that cross. */
  above(graph: StaticGraph): StaticGraph {
    return graphAbove(graph, this.#names);
  }

  /** What makes the logits from the values that cross, without any dropout. */
  logitsAbove(shape: BatchShape): StaticGraph {
    const plain = withoutDropout(this.graph, new Set(this.sites.map(({ input }) => input)));
    const outputs = plain.outputs.filter(({ name }) => name === 'logits');
    return this.above(specializeTo({ ...plain, outputs }, shape));
  }

  /** Numbers that cross of a text of so many tokens. */
  sizeFor(positions: number): number {
    return this.crossing.reduce((sum, { layout }) => sum + sizeIn(layout, positions), 0);
  }

  get #names(): readonly string[] {
    return this.crossing.map(({ name }) => name);
  }
}

/** The graph without the dropout that no trained weight lies before. */
export function withoutDropoutBelow(
  graph: Graph,
  trained: readonly string[],
  sites: readonly DropoutSite[],
): Graph {
  const above = dependents(graph.nodes, trained);
  const isBelow = (input: string): boolean => {
    const mask = new Set([input]);
    for (const { opType, inputs, outputs } of graph.nodes) {
      if (opType === 'Reshape' && mask.has(inputs[0] ?? '')) mask.add(outputs[0] ?? '');
      if (opType === 'Mul' && mask.has(inputs[1] ?? '')) return !above.has(inputs[0] ?? '');
    }
    return false;
  };
  return withoutDropout(graph, new Set(sites.map(({ input }) => input).filter(isBelow)));
}

function specializeTo(graph: Graph, { batch, sequence }: BatchShape): StaticGraph {
  return specialize(graph, { dims: { batch, sequence }, variables: new Set() });
}

/**
 * The values of texts where a graph is cut, each computed once and kept.
 *
 * A text is always computed at its own length, padded (`paddedLength`), among at least one other row: so its
 * values do not depend on the batch that asks for them, nor on whether they were kept.
 */
export class Prefix {
  readonly cut: PrefixCut;
  readonly cache: PrefixCache;
  readonly #products: EightBitProducts | undefined;
  readonly #environment: Pick<Environment, 'backend' | 'pause'>;
  readonly #createSha256: CreateSha256;
  readonly #executables: ShapeCache<Executable>;
  readonly #keys = new WeakMap<EncodedText, string>();
  #context: string | undefined;
  #computed = 0;

  /** @param products Computes its products in 8 bits; without it they are in float32. */
  constructor(
    cut: PrefixCut,
    cache: PrefixCache,
    environment: Pick<Environment, 'backend' | 'pause' | 'createSha256'>,
    products?: EightBitProducts,
  ) {
    this.cut = cut;
    this.cache = cache;
    this.#products = products;
    this.#environment = environment;
    this.#createSha256 = environment.createSha256;
    this.#executables = this.#newExecutables(false);
  }

  /** What is run for so many texts of so many positions. */
  graph(shape: BatchShape): StaticGraph {
    const below = this.cut.below(shape);
    return this.#products?.rewrite(below) ?? below;
  }

  #newExecutables(keepsMemory: boolean): ShapeCache<Executable> {
    const { backend } = this.#environment;
    return new ShapeCache((shape) => backend.compile(this.graph(shape), { keepsMemory }));
  }

  /** Texts that were computed. */
  get computed(): number {
    return this.#computed;
  }

  /**
   * Computes ahead what is missing of some texts, as many as the cache has room for, those of like length together. What
   * it ran is given back.
   *
   * @param onText Called after each; what it throws ends the work.
   */
  async fill(texts: readonly EncodedText[], onText: () => void = () => {}): Promise<void> {
    const missing = new Map<string, EncodedText>();
    let bytes = 0;
    for (const text of texts) {
      if (missing.has(this.#keyOf(text)) || (await this.#kept(text)) !== undefined) continue;
      bytes += 4 * this.#sizeOf(text);
      if (!this.cache.hasRoomFor(bytes)) break;
      missing.set(this.#keyOf(text), text);
    }
    const executables = this.#newExecutables(true);
    try {
      for (const [length, members] of this.#byLength([...missing.values()])) {
        await this.#compute(members, length, executables, async (text, values) => {
          await this.cache.set(this.#keyOf(text), values);
          onText();
        });
        await executables.release();
      }
    } finally {
      await executables.release();
    }
  }

  /**
   * The crossing values of a batch, by name, padded to `length` positions with zeros.
   *
   * Nothing that a text's own positions compute depends on what stands at the padded ones: attention masks them.
   */
  async feeds(texts: readonly EncodedText[], length: number): Promise<Map<string, Tensor>> {
    const values = await this.#valuesOf(texts);
    let start = texts.map(() => 0);
    const feeds = new Map<string, Tensor>();
    for (const { name, layout } of this.cut.crossing) {
      const data = new Float32Array(texts.length * sizeIn(layout, length));
      texts.forEach((text, row) => {
        const own = values[row]?.subarray(start[row]) ?? data;
        copyText(layout, own, text.ids.length, data.subarray(row * sizeIn(layout, length)), length);
      });
      start = start.map((at, row) => at + sizeIn(layout, texts[row]?.ids.length ?? 0));
      feeds.set(name, float32(shapeFor(layout, texts.length, length), data));
    }
    return feeds;
  }

  release(): Promise<void> {
    return this.#executables.release();
  }

  async #valuesOf(texts: readonly EncodedText[]): Promise<readonly (Float32Array | undefined)[]> {
    const found = new Map<EncodedText, Float32Array>();
    for (const text of texts) {
      const values = await this.#kept(text);
      if (values !== undefined) found.set(text, values);
    }
    const missing = texts.filter((text) => !found.has(text));
    for (const [length, members] of this.#byLength(missing)) {
      await this.#compute(members, length, this.#executables, async (text, values) => {
        found.set(text, values);
        await this.cache.set(this.#keyOf(text), values);
      });
    }
    return texts.map((text) => found.get(text));
  }

  #kept(text: EncodedText): Promise<Float32Array | undefined> {
    return this.cache.get(this.#keyOf(text), this.#sizeOf(text));
  }

  /** Texts by the length that they are computed at. */
  #byLength(texts: readonly EncodedText[]): ReadonlyMap<number, readonly EncodedText[]> {
    const groups = new Map<number, EncodedText[]>();
    for (const text of texts) {
      const length = this.#bucketOf(text);
      const group = groups.get(length);
      if (group === undefined) groups.set(length, [text]);
      else group.push(text);
    }
    return groups;
  }

  /** Computes texts of one length. */
  async #compute(
    texts: readonly EncodedText[],
    length: number,
    executables: ShapeCache<Executable>,
    take: (text: EncodedText, values: Float32Array) => Promise<void>,
  ): Promise<void> {
    const most = Math.max(2, 2 ** Math.floor(Math.log2(POSITIONS_AT_ONCE / length)));
    for (let start = 0; start < texts.length; start += most) {
      await this.#computeRows(texts.slice(start, start + most), length, executables, take);
      await this.#environment.pause();
    }
  }

  /** Texts of one length: run as the next power of two rows, the last text repeated, so that shapes are few. */
  async #computeRows(
    texts: readonly EncodedText[],
    length: number,
    executables: ShapeCache<Executable>,
    take: (text: EncodedText, values: Float32Array) => Promise<void>,
  ): Promise<void> {
    const { weights, padTokenId } = this.cut.options;
    const batch = Math.max(2, 2 ** Math.ceil(Math.log2(texts.length)));
    const rows = Array.from({ length: batch }, (_, i) => texts[Math.min(i, texts.length - 1)]);
    const fed = rows.filter((text) => text !== undefined);
    const executable = await executables.get({ batch, sequence: length });
    const results = this.cut.crossing.map(({ name, layout }) => {
      const size = sizeIn(layout, length);
      return { name, layout, size, data: new Float32Array(batch * size) };
    });
    await executable.run(
      new Map<string, Tensor>([
        ...weights,
        ...(this.#products?.feeds ?? []),
        ...textFeeds(fed, length, padTokenId),
      ]),
      new Map(
        results.map(({ name, layout, data }) => [name, float32(shapeFor(layout, batch, length), data)]),
      ),
    );
    this.#computed += texts.length;
    for (const [row, text] of texts.entries()) {
      const values = new Float32Array(this.#sizeOf(text));
      let start = 0;
      for (const { layout, size, data } of results) {
        copyText(layout, data.subarray(row * size), length, values.subarray(start), text.ids.length);
        start += sizeIn(layout, text.ids.length);
      }
      await take(text, values);
    }
  }

  #bucketOf({ ids }: EncodedText): number {
    return Math.min(paddedLength(ids.length), this.cut.options.maxLength);
  }

  /** Numbers that are kept of a text. */
  #sizeOf({ ids }: EncodedText): number {
    return this.cut.sizeFor(ids.length);
  }

  #keyOf(text: EncodedText): string {
    const existing = this.#keys.get(text);
    if (existing !== undefined) return existing;
    this.#context ??= this.#hashContext();
    const hash = this.#createSha256();
    hash.update(new TextEncoder().encode(JSON.stringify([this.#context, text.ids, text.typeIds])));
    const key = hash.hex();
    this.#keys.set(text, key);
    return key;
  }

  /** What the values depend on beside the text: the graph below the cut, its weights, what computes it. */
  #hashContext(): string {
    const { weights } = this.cut.options;
    const shape = { batch: 2, sequence: 8 };
    const { nodes, outputs } = this.graph(shape);
    const read = new Map(
      this.cut.below(shape).inputs.flatMap(({ name }) => {
        const tensor = weights.get(name);
        return tensor === undefined ? [] : [[name, tensor] as const];
      }),
    );
    const hash = this.#createSha256();
    const precision = this.#products === undefined ? 'float32' : 'int8';
    const parts = { nodes, outputs, backend: this.#environment.backend.name, precision };
    hash.update(new TextEncoder().encode(JSON.stringify(parts)));
    hash.update(new TextEncoder().encode(baseSha256(read, this.#createSha256)));
    return hash.hex();
  }
}

/** Numbers of one text of so many positions. */
function sizeIn({ outer, inner, perPosition }: TextLayout, positions: number): number {
  return outer * inner * (perPosition ? positions : 1);
}

/** Copies a text's numbers between two lengths; as many positions as both have. */
function copyText(
  { outer, inner, perPosition }: TextLayout,
  from: Float32Array,
  fromPositions: number,
  to: Float32Array,
  toPositions: number,
): void {
  const [strideFrom, strideTo] = perPosition ? [fromPositions * inner, toPositions * inner] : [inner, inner];
  const length = Math.min(strideFrom, strideTo);
  for (let i = 0; i < outer; i++) {
    to.set(from.subarray(i * strideFrom, i * strideFrom + length), i * strideTo);
  }
}
