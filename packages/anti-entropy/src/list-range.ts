import type { Clock } from '@ringfort/bus';
import { nameBytes } from './diff-core.ts';
import type { AntiEntropyLimits } from './limits.ts';
import type { DigestPage, ListedRecord, ListQuery, RecordName, Replica } from './port.ts';

/** Lists a range until it ends, the list is full, or time is up; other work has its turn after every few records. */
export async function listRange(
  replica: Replica,
  query: ListQuery,
  { clock, limits, untilMs }: { clock: Clock; limits: AntiEntropyLimits; untilMs: number },
): Promise<DigestPage> {
  const items: ListedRecord[] = [];
  let after = query.after;
  let bytes = 0;
  for (;;) {
    const room = limits.maxListItems - items.length;
    const page = replica.list({ ...query, after }, { maxItems: room, maxLookedAt: limits.lookedAtPerTurn });
    items.push(...page.items);
    for (const item of page.items) bytes += nameBytes(item);
    const { through } = page;
    const isFull = items.length >= limits.maxListItems || bytes >= limits.maxFrameBytes;
    if (through === undefined || isFull || clock.monotonicMs() >= untilMs) return { items, through };
    after = through;
    await turn(clock);
  }
}

/** Lets whatever waits have its turn. */
export function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, 0);
  });
}

/** What one message can take of objects: the first whatever its size, then as long as there is room. */
export class Room {
  readonly #maxBytes: number;
  readonly #maxItems: number;
  bytes = 0;
  items = 0;

  constructor({ maxFrameBytes, maxFrameItems }: Pick<AntiEntropyLimits, 'maxFrameBytes' | 'maxFrameItems'>) {
    this.#maxBytes = maxFrameBytes;
    this.#maxItems = maxFrameItems;
  }

  /** Whether it fits in; then it is counted. */
  takes(name: RecordName, object: Uint8Array): boolean {
    const size = object.length + nameBytes(name);
    if (this.items > 0 && (this.items >= this.#maxItems || this.bytes + size > this.#maxBytes)) return false;
    this.items += 1;
    this.bytes += size;
    return true;
  }
}
