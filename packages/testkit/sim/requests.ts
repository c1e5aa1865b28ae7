import { decodeContext } from '@ringfort/versioning';
import { type History, type PendingWrite, type RecordedWrite, recordHistory, type Violation } from '../src/index.ts';
import { Custody } from './custody.ts';
import type { BrokenInvariant } from './violations.ts';

export type RequestKind = 'get' | 'put' | 'delete';

/** What a client asks for. */
export interface RequestTold {
  readonly client: string;
  readonly kind: RequestKind;
  readonly key: string;
  readonly value?: string | undefined;
  /** As text. */
  readonly context?: string | undefined;
  /** Whether primaries alone count (`sloppy: false`). */
  readonly strict: boolean;
  readonly r: number;
  /** How many replicas must acknowledge, and whether all of those from disk. */
  readonly w: number;
  readonly fullyDurable: boolean;
  readonly timeoutMs: number;
  readonly invokedMs: number;
}

/** A request and its end. */
export interface SimRequest extends RequestTold {
  endedMs: number | undefined;
  outcome: 'pending' | 'ok' | 'not-applied' | 'indeterminate' | 'unnamed';
  code: string | undefined;
}

/** How a failure of a request was told. */
export interface RequestFailure {
  readonly code: string | undefined;
  readonly outcome: 'not-applied' | 'indeterminate' | undefined;
}

/** On which nodes' disks a value was and is no more; `flushed`: although it had been flushed there. */
export interface ValueLosses {
  of(key: string, value: string): { readonly flushed: number; readonly any: number };
  onKey(key: string): number;
  /** Whether the bucket's rule lets an acknowledged value go (see bucket-rules.ts). */
  isGivenUp?(key: string, value: string): boolean;
}

/** After its deadline, a request may end one tick of the wheel later (S6). */
export const TICK_MS = 10;

/** All requests of a run, and the history of writes that they make. */
export class Requests {
  readonly all: SimRequest[] = [];
  readonly broken: BrokenInvariant[] = [];
  readonly #custody: Custody;
  readonly #history: History = recordHistory();
  readonly #pending = new Map<SimRequest, PendingWrite>();
  readonly #puts = new Map<string, SimRequest>();
  /** Acknowledged writes, by the names under which custody knows their siblings. */
  readonly #names = new Map<RecordedWrite, string>();

  constructor(custody = new Custody()) {
    this.#custody = custody;
  }

  begin(told: RequestTold): SimRequest {
    const request: SimRequest = { ...told, endedMs: undefined, outcome: 'pending', code: undefined };
    this.all.push(request);
    const { kind, key, value, context } = told;
    if (kind === 'put') this.#pending.set(request, this.#history.put(key, value!, context));
    if (kind === 'put') this.#puts.set(`${key} ${value}`, request);
    if (kind === 'delete') this.#pending.set(request, this.#history.delete(key, context));
    return request;
  }

  answered(request: SimRequest, nowMs: number, context: string | undefined, values: readonly string[] = []): void {
    request.endedMs = nowMs;
    request.outcome = 'ok';
    const write = this.#pending.get(request);
    if (request.kind === 'get') this.#history.read(request.key, values, context);
    else if (request.kind === 'put') this.#putAnswered(request, write!, context);
    else this.#deleteAnswered(request, write!, context);
  }

  #putAnswered(request: SimRequest, write: PendingWrite, context: string | undefined): void {
    const { key, value, client } = request;
    write.acknowledged(context);
    this.#names.set(write.write, value!);
    const what = this.#custody.putAcknowledged(key, value!, request);
    if (what === undefined) return;
    this.broken.push({ invariant: 'S1', key, what: `${key}: ${client} was told that ${value} is written: ${what}` });
  }

  /** What a delete that named no context has covered, its reply tells. */
  #deleteAnswered(request: SimRequest, write: PendingWrite, context: string | undefined): void {
    const { key } = request;
    const given = request.context === undefined ? undefined : contextOf(request.context);
    const reply = context === undefined ? undefined : contextOf(context);
    write.acknowledged(context, given === undefined ? this.#custody.coveredBlindly(key, reply) : undefined);
    const name = reply && this.#custody.deleteAcknowledged(key, given, reply, request);
    if (name !== undefined) this.#names.set(write.write, name);
  }

  failed(request: SimRequest, nowMs: number, { code, outcome }: RequestFailure): void {
    request.endedMs = nowMs;
    request.code = code;
    request.outcome = outcome ?? 'unnamed';
    const write = this.#pending.get(request);
    if (outcome === 'not-applied') write?.failed();
    else write?.indeterminate();
  }

  /**
   * Of the values that a strict read of R must know, since W primaries had acknowledged each before it began, and R + W > N: those that it did not
   * return, and that `isOverwritten` does not explain.
   */
  checkStrictRead(
    read: SimRequest,
    returned: readonly string[],
    n: number,
    isExplained: (value: string, w: number) => boolean,
  ): BrokenInvariant[] {
    if (!read.strict) return [];
    const { key, r, invokedMs, client } = read;
    return [...this.#puts.values()]
      .filter((put) => put.key === key && put.strict && put.fullyDurable && put.w + r > n)
      .filter(({ outcome, endedMs }) => outcome === 'ok' && endedMs! < invokedMs)
      .filter(({ value, w }) => !returned.includes(value!) && !isExplained(value!, w))
      .map(({ value, w }) => ({
        invariant: 'QUORUM',
        key,
        what: `${key}: ${client} read with r=${r} at ${invokedMs.toFixed(3)} and missed ${value}, acknowledged by ${w} primaries before`,
      }));
  }

  /** S1, S3, and the part of S6 that says what a failure may hide, from what the replicas hold in the end. */
  checkWrites(final: ReadonlyMap<string, readonly string[]>, losses: ValueLosses): BrokenInvariant[] {
    const { violations } = this.#history.check(final);
    const told = violations
      .filter((violation) => !this.#isExcused(violation, losses))
      .map((violation) => this.#explain(violation));
    const hidden = [...this.#puts.values()]
      .filter(({ key, value, outcome }) => outcome === 'not-applied' && this.#custody.wasStored(key, value!))
      .map(({ key, value, code }): BrokenInvariant => {
        return {
          invariant: 'S6',
          key,
          what: `${key}: a store took ${value}, which was said not to be applied (${code})`,
        };
      });
    return [...told, ...hidden];
  }

  /** S6: every request has ended by its deadline and a tick, and every failure has a name. */
  checkEndings(nowMs: number): BrokenInvariant[] {
    return this.all.flatMap((request) => {
      const { key, kind, client, invokedMs, timeoutMs, endedMs, outcome, code } = request;
      const latestMs = invokedMs + timeoutMs + TICK_MS;
      const name = `${client}: ${kind} of ${key} at ${invokedMs.toFixed(3)} with ${timeoutMs} ms`;
      if (endedMs === undefined && nowMs <= latestMs) return [];
      if (endedMs === undefined) return [{ invariant: 'S6' as const, key, what: `${name} never ended` }];
      if (endedMs > latestMs + 1e-6) {
        return [
          { invariant: 'S6' as const, key, what: `${name} ended ${(endedMs - latestMs).toFixed(3)} ms too late` },
        ];
      }
      const unnamed = outcome === 'unnamed' && kind !== 'get';
      if (unnamed || (outcome !== 'ok' && code === undefined)) {
        return [{ invariant: 'S6' as const, key, what: `${name} failed (${code}) without telling its outcome` }];
      }
      return [];
    });
  }

  #explain({ kind, key, value, overwrittenBy = [] }: Violation): BrokenInvariant {
    const byDelete = overwrittenBy.some((write) => write.value === undefined);
    const invariant = kind === 'failed but returned' ? 'S6' : byDelete ? 'S3' : 'S1';
    return { invariant, key, what: `${key}: ${value} ${explained[kind]}` };
  }

  /**
   * A write may be gone once W of the disks that it was on have lost it, and none that acknowledged it must have it still. It may come back once that
   * is so of all acknowledged writes that had seen it.
   */
  #isExcused({ kind, key, value, overwrittenBy = [] }: Violation, losses: ValueLosses): boolean {
    const isKept = (name: string) => this.#custody.keepers(key, name).length > 0;
    if (kind === 'overwritten but returned') {
      const names = overwrittenBy.map((write) => this.#names.get(write));
      return losses.onKey(key) > 0 && !names.some((name) => name !== undefined && isKept(name));
    }
    if (kind !== 'lost') return false;
    const put = this.#puts.get(`${key} ${value}`);
    if (put === undefined) return false;
    if (losses.isGivenUp?.(key, value) === true) return true;
    const { flushed, any } = losses.of(key, value);
    return (put.fullyDurable ? flushed : any) >= put.w && !isKept(value);
  }
}

const contextOf = (text: string) => decodeContext(Buffer.from(text, 'base64url'));

const explained: Record<Violation['kind'], string> = {
  lost: 'was acknowledged, and is neither there nor overwritten by a write that had seen it',
  'from nowhere': 'is there, and nobody wrote it',
  'failed but returned': 'is there, though its write was said not to be applied',
  'overwritten but returned': 'is there, though a write that had seen it was acknowledged',
  'returned twice': 'is there twice',
};
