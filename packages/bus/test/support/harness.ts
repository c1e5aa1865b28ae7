import type { BusLimits, CountedBus } from '@ringfort/bus';

export interface RawMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly reply: string | undefined;
}

/** A connection without a bus: sees and sends bytes. */
export interface RawConnection {
  publish(subject: string, payload: Uint8Array, reply?: string): void;
  /** Resolves once the subscription is known everywhere. */
  subscribe(subject: string, onMessage: (message: RawMessage) => void): Promise<void>;
}

export interface BusExtras {
  readonly limits?: Partial<BusLimits>;
  readonly onError?: (error: unknown, where: string) => void;
}

/** Handlers of these tests that never end should not hold them up. */
export const briefClose: Partial<BusLimits> = { closeTimeoutMs: 50 };

/** One network, and how to make buses on it and to break it. */
export interface Harness {
  readonly cluster: string;
  bus(self: string, extras?: BusExtras): Promise<CountedBus>;
  raw(): Promise<RawConnection>;
  /** Resolves once everything served so far can be asked from everywhere. */
  settled(...buses: CountedBus[]): Promise<void>;
  stop(): Promise<void>;
}

export interface BreakableHarness extends Harness {
  /** Breaks all connections. */
  cut(): Promise<void>;
  /** Lets them be made again. */
  heal(): Promise<void>;
}

/** Resolves when the bus has that status. */
export function statusOf(bus: CountedBus, status: CountedBus['status']): Promise<void> {
  if (bus.status === status) return Promise.resolve();
  return new Promise((resolve) => {
    const watch = bus.onStatus((now) => {
      if (now !== status) return;
      watch.unsubscribe();
      resolve();
    });
  });
}

export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

/** A promise that a test opens. */
export function gate(): Gate {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
