import { isGradientName } from '../autodiff/differentiate.ts';
import type { StaticGraph } from '../graph/graph.ts';
import { peakLiveBytes } from '../lowering/live-memory.ts';
import type { HeldBytes } from '../measure/memory.ts';
import type { Backend } from '../runtime/backend.ts';
import { bytesPerElement, sizeOf } from '../tensor.ts';

/** What a phase may ask for again and again, of which the most counts. */
type Counted = Exclude<keyof HeldBytes, 'weights' | 'prefix'>;

const nothing: Readonly<Record<Counted, number>> = { gradients: 0, optimizer: 0, activations: 0 };

/** Keeps the books on the memory of a run: the most bytes of each kind in the phase under way. */
export class MemoryLedger {
  #most: Readonly<Record<Counted, number>> = nothing;

  /** Tells that so many bytes are held at once. */
  note(kind: Counted, bytes: number): void {
    this.#most = { ...this.#most, [kind]: Math.max(this.#most[kind], bytes) };
  }

  /** The most of each kind since the last call. */
  take(): Readonly<Record<Counted, number>> {
    const most = this.#most;
    this.#most = nothing;
    return most;
  }

  /** A backend that tells of the graphs it compiles: what they keep while they run, and what they give out. */
  watching(backend: Backend): Backend {
    return {
      name: backend.name,
      compile: (graph, options) => {
        this.note('activations', peakLiveBytes(graph) + (options?.handedOnBytes ?? 0));
        this.note('gradients', gradientBytes(graph));
        return backend.compile(graph, options);
      },
    };
  }
}

function gradientBytes({ outputs }: StaticGraph): number {
  return outputs
    .filter(({ name }) => isGradientName(name))
    .reduce((sum, { dtype, shape }) => sum + bytesPerElement(dtype) * sizeOf(shape.map(Number)), 0);
}
