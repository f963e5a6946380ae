import type { Stage } from '../lowering/stages.ts';
import { bytesOf, bytesPerElement, fromBytes, sizeOf, type Tensor, type TensorType } from '../tensor.ts';
import type { Backend, CompileOptions, Executable, NamedTensors } from './backend.ts';
import { planOffsets } from './offsets.ts';

/** Memory that one after another uses: as much as was ever wanted at once. */
export class Scratch {
  #memory = new ArrayBuffer(0);

  /** Memory of at least so many bytes, with whatever is left in it. */
  take(bytes: number): ArrayBuffer {
    if (this.#memory.byteLength < bytes) this.#memory = new ArrayBuffer(bytes);
    return this.#memory;
  }
}

/** A value that one stage makes and later ones read, or give out. */
interface HandedOn {
  readonly name: string;
  readonly type: TensorType;
  readonly bytes: number;
  /** The stage that makes it, and the last that wants it. */
  readonly from: number;
  readonly to: number;
}

/** Graphs that run one after another, each on what the ones before it have handed on. */
export class Stages {
  readonly #stages: readonly { readonly stage: Stage; readonly executable: Executable }[];
  readonly #handedOn: readonly HandedOn[];
  readonly #plan: ReturnType<typeof planOffsets>;
  readonly #scratch: Scratch;
  /** What is handed on, in this memory. */
  #placed: { readonly memory: ArrayBuffer | null; readonly tensors: ReadonlyMap<string, Tensor> } = {
    memory: null,
    tensors: new Map(),
  };

  private constructor(
    stages: readonly { readonly stage: Stage; readonly executable: Executable }[],
    handedOn: readonly HandedOn[],
    scratch: Scratch,
  ) {
    this.#stages = stages;
    this.#handedOn = handedOn;
    this.#plan = planOffsets(handedOn);
    this.#scratch = scratch;
  }

  /** @param scratch Where what is handed on lies while they run: they may share it with others that run at other times. */
  static async compile(
    backend: Backend,
    stages: readonly Stage[],
    scratch: Scratch,
    options: CompileOptions = {},
  ): Promise<Stages> {
    const handedOn = handedOnBy(stages);
    const { bytes } = planOffsets(handedOn);
    const compiled: { readonly stage: Stage; readonly executable: Executable }[] = [];
    for (const stage of stages) {
      const executable = await backend.compile(stage.graph, { ...options, handedOnBytes: bytes });
      compiled.push({ stage, executable });
    }
    return new Stages(compiled, handedOn, scratch);
  }

  /**
   * Computes the outputs named in `results`, stage by stage.
   *
   * @param feeds Every input of the graphs that none of them makes.
   * @param results Tensors of the outputs' types, owned by the caller, overwritten; those of one stage may lie where those of
   *   an earlier one did.
   * @param after Called after each stage, whose outputs are there then; the next one waits for it.
   * @throws as `Executable.run`
   */
  async run(
    feeds: NamedTensors,
    results: NamedTensors,
    after: (stage: number) => Promise<void> = async () => {},
  ): Promise<void> {
    const handedOn = this.#tensors();
    const given = new Map([...feeds, ...handedOn]);
    for (const [i, { stage, executable }] of this.#stages.entries()) {
      const wanted = stage.graph.outputs.flatMap(({ name }): [string, Tensor][] => {
        const tensor = handedOn.get(name) ?? results.get(name);
        return tensor === undefined ? [] : [[name, tensor]];
      });
      await executable.run(given, new Map(wanted));
      for (const name of stage.outputs) copy(handedOn.get(name), results.get(name));
      await after(i);
    }
  }

  async release(): Promise<void> {
    for (const { executable } of this.#stages) await executable.release();
  }

  #tensors(): ReadonlyMap<string, Tensor> {
    const memory = this.#scratch.take(this.#plan.bytes);
    if (memory !== this.#placed.memory) {
      const tensors = this.#handedOn.map(({ name, type, bytes }, i): [string, Tensor] => [
        name,
        fromBytes(type.dtype, type.shape, new Uint8Array(memory, this.#plan.offsets[i], bytes)),
      ]);
      this.#placed = { memory, tensors: new Map(tensors) };
    }
    return this.#placed.tensors;
  }
}

function copy(from: Tensor | undefined, to: Tensor | undefined): void {
  if (from !== undefined && to !== undefined) bytesOf(to).set(bytesOf(from));
}

function handedOnBy(stages: readonly Stage[]): readonly HandedOn[] {
  const lastWanted = new Map<string, number>();
  for (const [i, { graph, outputs }] of stages.entries()) {
    for (const name of [...graph.inputs.map((input) => input.name), ...outputs]) lastWanted.set(name, i);
  }
  return stages.flatMap(({ graph }, from) =>
    graph.outputs.flatMap(({ name, dtype, shape }): HandedOn[] => {
      const to = lastWanted.get(name) ?? from;
      if (to === from) return [];
      const type = { dtype, shape: shape.map(Number) };
      return [{ name, type, bytes: bytesPerElement(dtype) * sizeOf(type.shape), from, to }];
    }),
  );
}
