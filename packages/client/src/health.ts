import type { Bus, Clock, Random } from '@ringfort/bus';
import { view } from '@ringfort/membership/contract';
import type { RingVersion } from '@ringfort/ring';
import type { Settings } from './options.ts';
import { probeDelayMs } from './peers.ts';

export interface HealthOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: Settings;
  readonly version: () => RingVersion | undefined;
}

interface Suspicion {
  failures: number;
  timer: unknown;
  /** A probe is under way. */
  asking: boolean;
}

/**
 * Which nodes this client avoids. A node becomes suspect by a request that failed or was slow, or by the word of others, and is
 * believed again only when it answers a probe: so no write is risked on a node that may be dead. Suspects are nodes of the ring, so
 * their number is bounded by it.
 */
export class Health {
  readonly #options: HealthOptions;
  readonly #suspects = new Map<string, Suspicion>();

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  isSuspect = (node: string): boolean => this.#suspects.size > 0 && this.#suspects.has(node);

  get suspects(): string[] {
    return [...this.#suspects.keys()];
  }

  suspect(node: string): void {
    if (this.#suspects.has(node)) return;
    const suspicion = { failures: 0, timer: undefined, asking: false };
    this.#suspects.set(node, suspicion);
    this.#schedule(node, suspicion);
  }

  /** Others see the node alive: it is probed at once. */
  reconsider(node: string): void {
    const suspicion = this.#suspects.get(node);
    if (suspicion === undefined || suspicion.asking) return;
    this.#options.clock.clearTimeout(suspicion.timer);
    this.#probe(node, suspicion);
  }

  /** The node is no longer part of the ring. */
  forget(isMember: (node: string) => boolean): void {
    for (const node of this.suspects) if (!isMember(node)) this.#clear(node);
  }

  close(): void {
    for (const node of this.suspects) this.#clear(node);
  }

  #clear(node: string): void {
    this.#options.clock.clearTimeout(this.#suspects.get(node)?.timer);
    this.#suspects.delete(node);
  }

  #schedule(node: string, suspicion: Suspicion): void {
    const { clock, random, settings } = this.#options;
    const delayMs = probeDelayMs(suspicion.failures, settings.probeMinMs, settings.probeMaxMs);
    // Spread by a quarter, so that many clients do not probe a returning node in step.
    const jitterMs = random.below(Math.max(1, Math.ceil(delayMs / 4)));
    suspicion.timer = clock.setTimeout(() => this.#probe(node, suspicion), delayMs + jitterMs);
  }

  #probe(node: string, suspicion: Suspicion): void {
    const { bus, settings, version } = this.#options;
    const have = version();
    suspicion.asking = true;
    const timeoutMs = Math.max(1, settings.hedgeMs);
    bus.call(`node.${node}.membership`, view, have === undefined ? {} : { have }, { timeoutMs }, (error) => {
      suspicion.asking = false;
      if (this.#suspects.get(node) !== suspicion) return;
      if (error === undefined) {
        this.#clear(node);
        return;
      }
      suspicion.failures++;
      this.#schedule(node, suspicion);
    });
  }
}
