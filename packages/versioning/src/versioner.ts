import { type Actor, createActor, fromPromise, waitFor } from 'xstate';
import { type RunReply, runMarkerSchema } from './contract.ts';
import { MarkerError, VersionerStoppedError } from './errors.ts';
import {
  type Alarm,
  type DotGrant,
  type DotRequest,
  grantDot,
  judgeForeign,
  newRun,
  type Run,
  taintKey,
} from './run-core.ts';
import type { ActorId } from './types.ts';
import { type RunMarker, type RunMarkerStore, versionerMachine } from './versioner-machine.ts';

export interface VersionerOptions {
  /** `count` random bytes; two starts must never get the same. */
  readonly random: (count: number) => Uint8Array;
  /** Without one every start draws a fresh run id. */
  readonly marker?: RunMarkerStore | undefined;
  /** Keys remembered as tainted; past it a new run id is drawn, under which every key is fresh. Default 4,096. */
  readonly maxTainted?: number | undefined;
  /** Told of every alarm, and of a marker that could not be taken. For logs. */
  readonly onAlarm?: ((alarm: Alarm) => void) | undefined;
}

/** Gives the dots of one store. Synchronous and cheap: it is part of every write. */
export interface Versioner {
  /** 64 random bits, 16 hex digits. */
  readonly runId: string;
  /**
   * The dot for a write. The caller must count a write as in flight until its local commit has ended either way, and must call
   * {@link Versioner.taint} when that failed or its outcome is unknown. Throws {@link VersionerStoppedError}.
   */
  dotFor(request: DotRequest): DotGrant;
  /** A local write of the key failed: none of the actors given so far is used for it again. */
  taint(keyId: string): void;
  /**
   * An object came from elsewhere and names `counter` of `actor`, the actor of this store's record of the key, while that record and
   * the writes in flight reach `known` (0 when nothing is held).
   * Answers (and counts) an alarm when only a loss, or a copy of this store, can explain it.
   */
  noticeForeign(keyId: string, actor: ActorId, counter: number, known: number): Alarm | undefined;
  /** For inspection: the reply of the contract `run`. */
  run(): RunReply;
  /**
   * No more dots. Hands the run over to the next start when nothing has gone wrong; call it after the last write has ended and the
   * store is flushed. Rejects with {@link MarkerError} when the marker could not be left. Idempotent.
   */
  stop(): Promise<void>;
}

/** Takes over the run that the former process handed over, or draws a new run id. */
export async function createVersioner(options: VersionerOptions): Promise<Versioner> {
  const versioner = new RunVersioner(options);
  await versioner.start();
  return versioner;
}

class RunVersioner implements Versioner {
  readonly #options: VersionerOptions;
  readonly #maxTainted: number;
  readonly #life: Actor<typeof versionerMachine>;
  #run: Run;
  #mode: RunReply['mode'] | 'other' = 'other';
  /** Actors given, and alarms, in runs that this process has given up. */
  #givenBefore = 0;
  #alarms = 0;

  constructor(options: VersionerOptions) {
    this.#options = options;
    this.#maxTainted = options.maxTainted ?? 4096;
    this.#run = newRun(this.#drawRunId());
    const machine = versionerMachine.provide({
      actors: {
        takeMarker: fromPromise(async () => this.#takeMarker()),
        leaveMarker: fromPromise(async () => this.#leaveMarker()),
      },
    });
    this.#life = createActor(machine);
    this.#life.subscribe({
      next: (snapshot) => {
        const { value } = snapshot;
        this.#mode = value === 'takingMarker' || value === 'leavingMarker' ? 'other' : value;
      },
      // Nothing in the machine throws but a broken adapter; its invokes have their own `onError`. From then on no dot is given.
      error: () => {
        this.#mode = 'stopped';
      },
    });
  }

  async start(): Promise<void> {
    this.#life.start();
    const { context } = await waitFor(this.#life, (snapshot) => !snapshot.matches('takingMarker'));
    const { takenOver } = context;
    if (takenOver !== undefined) this.#run = newRun(takenOver.runId, takenOver.nextNumber);
  }

  get runId(): string {
    return this.#run.runId;
  }

  dotFor(request: DotRequest): DotGrant {
    if (this.#mode === 'stopped' || this.#mode === 'other') throw new VersionerStoppedError();
    const grant = grantDot(this.#run, request);
    if (grant.alarm !== undefined) {
      this.#raise(grant.alarm);
      this.#boundTainted();
    }
    return grant;
  }

  taint(keyId: string): void {
    taintKey(this.#run, keyId);
    if (this.#mode === 'givingDots') this.#life.send({ type: 'key.tainted' });
    this.#boundTainted();
  }

  noticeForeign(keyId: string, actor: ActorId, counter: number, known: number): Alarm | undefined {
    const alarm = judgeForeign(this.#run, keyId, actor, counter, known);
    if (alarm === undefined) return undefined;
    this.#raise(alarm);
    // Unlike a client's context, an object comes from a node: who knows it is a fact that this store lacks, or shares its run id
    // with a copy of itself. Then no actor of the run can be trusted, of no key.
    this.#drawRun();
    return alarm;
  }

  run(): RunReply {
    const { runId, nextNumber, tainted } = this.#run;
    const mode = this.#mode === 'other' ? 'stopped' : this.#mode;
    return { runId, given: this.#givenBefore + nextNumber, alarms: this.#alarms, tainted: tainted.size, mode };
  }

  async stop(): Promise<void> {
    if (this.#mode !== 'stopped') this.#life.send({ type: 'stop' });
    const { context } = await waitFor(this.#life, (snapshot) => snapshot.matches('stopped'));
    if (context.failure instanceof MarkerError) throw context.failure;
  }

  #raise(alarm: Alarm): void {
    this.#alarms++;
    if (this.#mode === 'givingDots' || this.#mode === 'givingDotsTainted') this.#life.send({ type: 'alarm.raised' });
    this.#options.onAlarm?.(alarm);
  }

  #boundTainted(): void {
    if (this.#run.tainted.size > this.#maxTainted) this.#drawRun();
  }

  #drawRun(): void {
    this.#givenBefore += this.#run.nextNumber;
    this.#run = newRun(this.#drawRunId());
  }

  #drawRunId(): string {
    return Buffer.from(this.#options.random(8)).toString('hex');
  }

  async #takeMarker(): Promise<RunMarker | undefined> {
    const marker = await this.#options.marker?.take();
    return marker === undefined ? undefined : runMarkerSchema.parse(marker);
  }

  async #leaveMarker(): Promise<void> {
    const { runId, nextNumber } = this.#run;
    try {
      await this.#options.marker?.leave({ runId, nextNumber });
    } catch (cause) {
      throw new MarkerError(cause);
    }
  }
}
