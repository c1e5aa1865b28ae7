import type { Bus, Clock, Random, Subscription } from '@ringfort/bus';
import type { z } from 'zod';
import { Accusations } from './accusations.ts';
import { nodeSuspected, type nodeSuspectedEventSchema } from './contract.ts';
import { Detectors } from './detectors.ts';
import type { Gossip } from './gossip.ts';
import { LocalHealth } from './local-health.ts';
import type { PeerNews } from './peer-news.ts';
import { Probes } from './probes.ts';
import type { Reporting } from './reporting.ts';

export interface DetectionOptions {
  readonly self: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly gossip: Gossip;
  readonly news: PeerNews;
  readonly reporting: Reporting;
  readonly probeTimeoutMs: number;
  readonly gossipMs: number;
  readonly suspectAfterMs: number | undefined;
}

/** Assembles the failure detection of a node: its detectors, their probes, and what nodes tell each other of whom they believe down. */
export class Detection {
  readonly detectors: Detectors;
  readonly probes: Probes;
  readonly #options: DetectionOptions;
  readonly #accusations: Accusations;
  readonly #health = new LocalHealth();
  #listening: Subscription | undefined;

  constructor(options: DetectionOptions) {
    const { self, bus, clock, random, gossip, news, reporting, probeTimeoutMs: timeoutMs, gossipMs } = options;
    this.#options = options;
    const health = this.#health;
    this.probes = new Probes({ bus, clock, random, gossip, news, health, detectors: () => this.detectors, timeoutMs });
    this.#accusations = new Accusations({
      clock,
      random,
      publish: (suspects) => reporting.publish(nodeSuspected, { observer: self, suspects }),
    });
    this.detectors = new Detectors({
      ...{ self, clock, health, roundMs: gossipMs, suspectAfterMs: options.suspectAfterMs },
      ping: (node) => this.probes.ping(node),
      probe: (node) => this.probes.probe(node),
      phiPerTry: () => this.probes.phiPerTry,
      incarnationOf: (node) => news.incarnationOf(node),
      onTransition: (node, status, confirmed) => this.#changed(node, status, confirmed),
      onForgotten: (node) => this.#forget(node),
      onError: (error) => reporting.broken(error),
    });
  }

  listen(): void {
    const { bus, self } = this.#options;
    this.#listening = bus.listen(`events.${nodeSuspected.verb}`, nodeSuspected, (event) => {
      if (event.observer !== self) this.#hear(event);
    });
  }

  stop(): void {
    this.#listening?.unsubscribe();
    this.probes.stop();
    this.#accusations.stop();
    this.detectors.stop();
  }

  #hear({ suspects }: z.infer<typeof nodeSuspectedEventSchema>): void {
    const { self, news } = this.#options;
    for (const { node, incarnation } of suspects) {
      if (node !== self) {
        if (this.detectors.accused(node, incarnation)) this.#accusations.heard(node);
      } else if (incarnation === news.ownBeat().incarnation) {
        news.refuteSuspicion(incarnation);
        this.#health.worsen();
      }
    }
  }

  #changed(node: string, status: 'up' | 'down', confirmed: boolean): void {
    const { news, reporting } = this.#options;
    const incarnation = news.incarnationOf(node);
    if (status === 'up') this.#forget(node);
    else {
      this.probes.forget(node);
      // One that was never heard of may not have been started yet, and one of which others say nothing like it may only be out of this node's reach.
      if (incarnation !== undefined && confirmed) this.#accusations.accuse(node, incarnation);
    }
    reporting.nodeChanged(node, status);
  }

  #forget(node: string): void {
    this.probes.forget(node);
    this.#accusations.withdraw(node);
  }
}
