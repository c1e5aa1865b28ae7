import type { Bus, Clock, Contract } from '@ringfort/bus';
import type { RingVersion } from '@ringfort/ring/contract';
import { Announcements } from './announcements.ts';
import { nodeDown, nodeUp, ringChanged } from './contract.ts';
import { codeOf } from './errors.ts';
import type { LogEntry, Logger } from './logger.ts';
import type { MembershipEvent } from './port.ts';

/** Least time between two announcements of the same node, and between two of the ring. */
const nodePauseMs = 1000;
const ringPauseMs = 200;

export interface ReportingOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly self: string;
  readonly logger: Logger;
}

/** Tells what happens: to the listeners of this process, on the bus (`events.*`, at a bounded rate), and to the log. */
export class Reporting {
  readonly #options: ReportingOptions;
  readonly #listeners = new Set<(event: MembershipEvent) => void>();
  readonly #nodes: Announcements<'up' | 'down'>;
  readonly #rings: Announcements<string>;
  #version: RingVersion | undefined;

  constructor(options: ReportingOptions) {
    const { clock, self } = options;
    this.#options = options;
    this.#nodes = new Announcements(clock, nodePauseMs, (node, status) =>
      this.publish(status === 'up' ? nodeUp : nodeDown, { node, observer: self }),
    );
    this.#rings = new Announcements(clock, ringPauseMs, () => {
      if (this.#version !== undefined) this.publish(ringChanged, { node: self, version: this.#version });
    });
  }

  on(listener: (event: MembershipEvent) => void): { unsubscribe(): void } {
    this.#listeners.add(listener);
    return { unsubscribe: () => this.#listeners.delete(listener) };
  }

  emit(event: MembershipEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.broken(error);
      }
    }
  }

  nodeChanged(node: string, status: 'up' | 'down'): void {
    this.log({
      level: 'info',
      code: `NODE_${status.toUpperCase()}`,
      message: `node ${node} is ${status}`,
      details: { node },
    });
    this.#nodes.announce(node, status);
    this.emit({ type: `node.${status}`, node });
  }

  ringVersion(version: RingVersion): void {
    this.#version = version;
    this.#rings.announce('ring', version.digest);
  }

  /** Announces what had to wait. Call it once a round. */
  flush(): void {
    this.#nodes.flush();
    this.#rings.flush();
  }

  log(entry: LogEntry): void {
    this.#options.logger(entry);
  }

  /** Something that is tried again, or that others make up for. */
  failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.log({ level: 'warn', code: codeOf(error) || 'FAILED', message, details: { node: this.#options.self } });
  }

  /** Something that must not happen: a listener that throws, a machine that fails. */
  broken(error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.log({ level: 'error', code: 'INTERNAL', message, details: { node: this.#options.self } });
  }

  /** An announcement is a convenience: nothing waits for it, so its failure is only logged. */
  publish<Q>(contract: Contract<Q, undefined>, body: Q): void {
    try {
      this.#options.bus.publish(`events.${contract.verb}`, contract, body);
    } catch (error) {
      this.failed(error);
    }
  }
}
