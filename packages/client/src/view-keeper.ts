import type { Bus, BusFailure, Clock } from '@ringfort/bus';
import { type PeerStatus, view } from '@ringfort/membership/contract';
import { foldHistory, type Ring } from '@ringfort/ring';
import type { Settings } from './options.ts';

export interface ViewKeeperOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly onView: (ring: Ring | undefined, peers: readonly PeerStatus[]) => void;
}

/**
 * Asks any node for the membership history and folds it: one question at a time, not more often than the interval allows, with growing
 * intervals while nobody answers.
 */
export class ViewKeeper {
  readonly #options: ViewKeeperOptions;
  ring: Ring | undefined;
  /** Why the last question had no answer; undefined once one had. */
  lastFailure: BusFailure | undefined;
  #asking = false;
  /** Wanted again since the present question was sent. */
  #wanted = false;
  #timer: unknown;
  #failures = 0;
  #closed = false;
  #firstAnswer: (() => void) | undefined;
  /** Resolves when the first question has ended, answered or not. */
  readonly firstAsked: Promise<void>;

  constructor(options: ViewKeeperOptions) {
    this.#options = options;
    this.firstAsked = new Promise((resolve) => {
      this.#firstAnswer = resolve;
    });
  }

  /** Something says that the view is old, or there is none. */
  refresh(): void {
    if (this.#closed) return;
    if (this.#asking || this.#timer !== undefined) {
      this.#wanted = true;
      return;
    }
    this.#ask();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#firstAnswer?.();
  }

  #ask(): void {
    const { bus, settings } = this.#options;
    this.#asking = true;
    this.#wanted = false;
    const have = this.ring?.version;
    const body = have === undefined ? {} : { have };
    bus.call('kv.view', view, body, { timeoutMs: settings.timeoutMs }, (error, reply) => {
      this.#asking = false;
      if (this.#closed) return;
      if (reply === undefined) this.#failed(error);
      else this.#answered(reply.records === undefined ? undefined : foldHistory(reply.records), reply.peers);
      this.#firstAnswer?.();
    });
  }

  #answered(ring: Ring | undefined, peers: readonly PeerStatus[]): void {
    this.#failures = 0;
    this.lastFailure = undefined;
    // A node that has just joined may answer with less than is known here.
    const newer = ring?.founded && (this.ring === undefined || ring.version.size >= this.ring.version.size);
    if (newer) this.ring = ring;
    if (this.ring === undefined) this.#wanted = true;
    this.#options.onView(this.ring, peers);
    this.#pause();
  }

  #failed(error: BusFailure | undefined): void {
    this.#failures++;
    this.lastFailure = error;
    this.#wanted = true;
    this.#pause();
  }

  /** The next question waits for the interval, and is asked then if it is wanted. */
  #pause(): void {
    const { clock, settings } = this.#options;
    const delayMs = Math.min(
      settings.maxRefreshIntervalMs,
      settings.refreshIntervalMs * 2 ** Math.min(this.#failures, 10),
    );
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined;
      if (this.#wanted) this.refresh();
    }, delayMs);
  }
}
