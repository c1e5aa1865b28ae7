import type { Transport } from '@ringfort/bus';
import type { SeededRandom } from '../src/index.ts';
import { drawBusInput, PREFIX, REPLIES, reasonToKeep } from './bus-inputs.ts';
import { BusJudge } from './bus-judge.ts';
import type { FuzzCluster } from './cluster.ts';
import type { Edge, Input, Problem } from './edge.ts';
import { evil } from './samples.ts';

const BATCH = 250;
const ANSWER_MS = 8_000;
const POLL_MS = 5;

/** Frames at every subject of a cluster of whole nodes. What is wrong is answered by name, or not at all, and changes nothing. */
export class BusEdge implements Edge {
  readonly name = 'bus';
  readonly share = 14;
  readonly #cluster: FuzzCluster;
  readonly #wire: Transport;
  readonly #judge = new BusJudge();
  readonly #problems: Problem[] = [];

  constructor(cluster: FuzzCluster) {
    this.#cluster = cluster;
    this.#wire = cluster.network.connect(evil);
    this.#wire.subscribe(`${REPLIES}.*`, undefined, ({ payload, noResponders }) => {
      if (!noResponders) this.#judge.answered(Buffer.from(payload));
    });
  }

  /** How often each answer was given. */
  get answers(): ReadonlyMap<string, number> {
    return this.#judge.answers;
  }

  make(random: SeededRandom): Input {
    return drawBusInput(random);
  }

  feed(input: Input, index: number): string | Promise<string> {
    const kept = reasonToKeep(input);
    if (kept !== undefined) return kept;
    const outcome = this.#judge.asks(input, index);
    for (const part of input.parts) this.#wire.publish(PREFIX + input.to, part, `${REPLIES}.1`);
    return index % BATCH === 0 ? this.#pause(outcome) : outcome;
  }

  async settle(): Promise<readonly Problem[]> {
    const lateMs = performance.now() + ANSWER_MS;
    while (this.#judge.open > 0 && performance.now() < lateMs)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const busy = await this.#cluster.quiet();
    return [...this.#problems.splice(0), ...busy, ...this.#judge.end(), ...(await this.#cluster.changes())];
  }

  async close(): Promise<void> {
    await this.#wire.close();
  }

  async #pause(outcome: string): Promise<string> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#problems.push(...(await this.#cluster.quiet()));
    return outcome;
  }
}
