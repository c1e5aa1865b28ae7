/** What the bench measures: a store under test with its servers, its client, and what may be expected of it. */
export interface Target {
  readonly name: TargetName;
  /** One line: versions, replication, durability, consistency of its reads. */
  readonly description: string;
  /** All server processes, whose CPU counts. */
  readonly pids: readonly number[];
  /** Whether a read returns what was acknowledged before it began. Where not, only damaged or foreign values are mismatches. */
  readonly freshReads: boolean;
  /** Every value that the key has; empty when there is none. */
  read(key: string): Promise<readonly Uint8Array[]>;
  write(key: string, value: Uint8Array): Promise<void>;
  /** Ends every process and removes every file. Idempotent. */
  stop(): Promise<void>;
}

export const targetNames = ['ringfort', 'jetstream-kv', 'etcd'] as const;
export type TargetName = (typeof targetNames)[number];

export type Durability = 'fsync' | 'interval';

export interface TargetOptions {
  /** Server processes; data is replicated three times. */
  readonly nodes: number;
  readonly durability: Durability;
  /** Replicas that must have a put on disk before it is answered; of targets that can choose. */
  readonly dw: number;
  /** A folder of its own for the target's files; the target creates it, and removes it at the end. */
  readonly dir: string;
  /** Flags for node, given to server processes that run on it. */
  readonly nodeFlags: readonly string[];
}

export type StartTarget = (options: TargetOptions) => Promise<Target>;

/** Ends what was started so far, the last first, whatever fails. */
export class Cleanup {
  readonly #steps: (() => unknown)[] = [];
  #running: Promise<void> | undefined;

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  run(): Promise<void> {
    this.#running ??= this.#runAll();
    return this.#running;
  }

  async #runAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be ended');
  }
}
