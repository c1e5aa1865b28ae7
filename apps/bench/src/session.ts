import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { OperationsFailedError, VerificationError } from './errors.ts';
import { Ledger } from './ledger-core.ts';
import { Recorder } from './recorder.ts';
import type { Latency } from './stats-core.ts';
import type { Target } from './target.ts';
import { keyName, type Values } from './value-core.ts';
import type { Operation, OperationKind } from './workload-core.ts';

const MAX_SAMPLES = 3;
/** Every read is checked to be a fresh value of its key; of one in so many, each byte. */
const WHOLE_EVERY = 16;
const VERIFY_TRIES = 10;
const VERIFY_PAUSE_MS = 100;

/** Carries out operations on one target, and keeps account of what it must hold. */
export class Session {
  readonly target: Target;
  readonly #values: Values;
  readonly #ledger = new Ledger();
  readonly #failures: string[] = [];
  readonly #mismatches: string[] = [];
  #failed = 0;
  #mismatched = 0;
  #reads = 0;
  /** Names of the keys so far: a name is made, and hashed, once. */
  readonly #names: string[] = [];
  #recorders: Map<OperationKind, Recorder> | undefined;

  constructor(target: Target, values: Values) {
    this.target = target;
    this.#values = values;
  }

  get failed(): number {
    return this.#failed;
  }

  /** From now on latencies are recorded, from nothing. */
  startRecording(): void {
    this.#recorders = new Map();
  }

  /** Stops recording, and tells what was recorded. */
  stopRecording(): { all: Latency; kinds: Record<string, Latency> } {
    const recorders = [...(this.#recorders ?? [])];
    this.#recorders = undefined;
    const kinds = Object.fromEntries(recorders.map(([kind, recorder]) => [kind, recorder.latency()]));
    const all = new Recorder();
    for (const [, recorder] of recorders) all.add(recorder);
    return { all: all.latency(), kinds };
  }

  /** Carries out one operation; never rejects: what fails is counted. Tells whether it was acknowledged. `startMs`: its intended start. */
  async run({ kind, key }: Operation, startMs: number = performance.now()): Promise<boolean> {
    const name = this.#nameOf(key);
    try {
      if (kind === 'read' || kind === 'read-modify-write') {
        const oldest = this.target.freshReads ? this.#ledger.oldestFresh(key) : 1;
        const problem = this.#judge(key, await this.target.read(name), oldest, this.#isSampled());
        if (problem !== undefined) this.#mismatch(problem);
      }
      if (kind !== 'read') {
        const issued = this.#ledger.begin(key);
        await this.target.write(name, this.#values.make(key, issued.sequence));
        this.#ledger.acknowledged(key, issued);
      }
    } catch (error) {
      this.#fail(`${kind} ${name}`, error);
      return false;
    }
    this.#record(kind, performance.now() - startMs);
    return true;
  }

  /** Reads one key, compares every byte, and expects the last write; a target whose replicas lag gets a second to catch up. */
  async verify(key: number): Promise<void> {
    const tries = this.target.freshReads ? 1 : VERIFY_TRIES;
    try {
      for (let attempt = 1; ; attempt += 1) {
        const oldest = this.#ledger.oldestFresh(key);
        const problem = this.#judge(key, await this.target.read(this.#nameOf(key)), oldest, true);
        if (problem === undefined) return;
        if (attempt === tries) return this.#mismatch(problem);
        await sleep(VERIFY_PAUSE_MS);
      }
    } catch (error) {
      this.#fail(`verifying ${keyName(key)}`, error);
    }
  }

  /** @throws `BENCH_OPERATIONS_FAILED`, `BENCH_VERIFICATION_FAILED` when anything went wrong so far */
  assertSound(): void {
    const { name } = this.target;
    if (this.#failed > 0) throw new OperationsFailedError(name, this.#failed, this.#failures);
    if (this.#mismatched > 0) throw new VerificationError(name, this.#mismatched, this.#mismatches);
  }

  #nameOf(key: number): string {
    while (this.#names.length <= key) this.#names.push(keyName(this.#names.length));
    return this.#names[key]!;
  }

  #mismatch(problem: string): void {
    this.#mismatched += 1;
    if (this.#mismatches.length < MAX_SAMPLES) this.#mismatches.push(problem);
  }

  #fail(what: string, error: unknown): void {
    this.#failed += 1;
    if (this.#failures.length < MAX_SAMPLES) this.#failures.push(`${what}: ${describe(error)}`);
  }

  /** What is wrong with the values that a read returned, if anything: one must be fresh, each must be a write of the key. */
  #judge(key: number, values: readonly Uint8Array[], oldest: number, whole: boolean): string | undefined {
    if (values.length === 0) return `${keyName(key)}: nothing is there`;
    let newest = 0;
    for (const value of values) {
      const checked = this.#values.check(key, value, whole);
      if ('wrong' in checked) return checked.wrong;
      if (checked.sequence > this.#ledger.newest(key))
        return `${keyName(key)}: write ${checked.sequence} was never made`;
      newest = Math.max(newest, checked.sequence);
    }
    return newest < oldest ? `${keyName(key)}: write ${newest} is stale, ${oldest} was acknowledged before` : undefined;
  }

  #isSampled(): boolean {
    this.#reads += 1;
    return this.#reads % WHOLE_EVERY === 0;
  }

  #record(kind: OperationKind, latencyMs: number): void {
    const recorders = this.#recorders;
    if (recorders === undefined) return;
    let recorder = recorders.get(kind);
    if (recorder === undefined) {
      recorder = new Recorder();
      recorders.set(kind, recorder);
    }
    recorder.record(latencyMs);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? `${code}: ${error.message}` : `${error.name}: ${error.message}`;
}
