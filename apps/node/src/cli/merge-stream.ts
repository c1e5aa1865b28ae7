import { setTimeout as sleep } from 'node:timers/promises';
import type { Merged, MergeLine } from '../http/object-routes.ts';
import { ask, type Endpoint } from './api.ts';
import { CommandError } from './exit.ts';

const batchItems = 256;
const batchBytes = 1024 * 1024;
const batchesAtOnce = 4;
/** About 25 s in all. */
const tries = 8;
const firstPauseMs = 100;
const failuresTold = 20;
/** The time of the node for one object. */
const timeoutMs = 10_000;

/** What passes by itself. Merging twice does no harm, so all is tried again. */
const passing = new Set([
  'OVERLOADED',
  'QUORUM_UNAVAILABLE',
  'HINTS_FULL',
  'DEADLINE_EXCEEDED',
  'NOT_READY',
  'NOT_SERVING',
  'UNREACHABLE',
  'STALE_SLOTS',
  'STORE_OVERLOADED',
  'DISCONNECTED',
]);

export interface ToMerge {
  readonly bucket: string;
  readonly key: string;
  /** Canonical bytes. */
  readonly object: Uint8Array;
  /** How a person finds it: `line 17`. */
  readonly place: string;
}

interface Batch {
  readonly items: readonly ToMerge[];
  readonly lines: readonly string[];
}

/** Sends objects to a cluster to be merged: in batches, a few at a time, again where they fail for a reason that passes. */
export class MergeStream {
  readonly #endpoint: Endpoint;
  readonly #tell: (line: string) => void;
  readonly #underWay = new Set<Promise<void>>();
  #items: ToMerge[] = [];
  #lines: string[] = [];
  #bytes = 0;
  #broken: unknown;
  merged = 0;
  failed = 0;

  /** @param tell told of each object that could not be merged, up to a bound */
  constructor(endpoint: Endpoint, tell: (line: string) => void) {
    this.#endpoint = endpoint;
    this.#tell = tell;
  }

  /** Waits while enough is under way. @throws CommandError when the node refuses everything */
  async add(item: ToMerge): Promise<void> {
    const { bucket, key, object } = item;
    const line: MergeLine = { bucket, key, object: Buffer.from(object).toString('base64') };
    const text = JSON.stringify(line);
    if (this.#items.length > 0 && this.#bytes + text.length > batchBytes) await this.#send();
    this.#items.push(item);
    this.#lines.push(text);
    this.#bytes += text.length;
    if (this.#items.length >= batchItems) await this.#send();
  }

  /** Waits until everything has ended, either way. */
  async end(): Promise<void> {
    if (this.#items.length > 0) await this.#send();
    await Promise.all(this.#underWay);
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Something that cannot be merged was found before it was added. */
  fail(place: string, why: string): void {
    this.failed += 1;
    if (this.failed <= failuresTold) this.#tell(`${place}: ${why}`);
    if (this.failed === failuresTold) this.#tell('further ones are counted, not told');
  }

  async #send(): Promise<void> {
    const batch = { items: this.#items, lines: this.#lines };
    this.#items = [];
    this.#lines = [];
    this.#bytes = 0;
    while (this.#underWay.size >= batchesAtOnce) await Promise.race(this.#underWay);
    if (this.#broken !== undefined) throw this.#broken;
    const work = this.#merge(batch).catch((error: unknown) => {
      this.#broken ??= error;
    });
    this.#underWay.add(work);
    void work.then(() => this.#underWay.delete(work));
  }

  async #merge(batch: Batch): Promise<void> {
    let left = batch;
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt === tries;
      const failed = await this.#ask(left, isLast);
      this.merged += left.items.length - failed.length;
      const again = failed.filter(({ code, index, detail }) => {
        if (!isLast && passing.has(code)) return true;
        const { place, bucket, key } = left.items[index]!;
        this.fail(place, `${bucket}/${key} was not merged: ${code}: ${detail}`);
        return false;
      });
      if (again.length === 0) return;
      const pick = <T>(all: readonly T[]) => again.map(({ index }) => all[index]!);
      left = { items: pick(left.items), lines: pick(left.lines) };
      await sleep(firstPauseMs * 2 ** (attempt - 1));
    }
  }

  async #ask({ items, lines }: Batch, isLast: boolean): Promise<Merged['failed']> {
    try {
      const body = Buffer.from(`${lines.join('\n')}\n`);
      const query = { timeoutMs: String(timeoutMs) };
      const answer = await ask(this.#endpoint, { method: 'POST', path: '/v1/objects', query, body });
      return ((await answer.json()) as Merged).failed;
    } catch (error) {
      if (isLast || !(error instanceof CommandError) || !passing.has(error.code)) throw error;
      return items.map((_, index) => ({ index, code: error.code, detail: error.message }));
    }
  }
}
