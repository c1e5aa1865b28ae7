import type { FoldedRecord, RecordId } from '@ringfort/storage';
import type { TransferFrame } from './transfer-contract.ts';
import { frameChecksum } from './transfer-frame-core.ts';
import type { TransferStore } from './transfer-port.ts';

/** Where a sender's stream stands. */
export interface Stream {
  /** The next frame to be read, and where it starts. */
  readonly nextSeq: number;
  readonly after: Uint8Array | undefined;
  /** All frames were read. */
  readonly isEnded: boolean;
  /** Frames asked for and not answered yet, ascending. */
  readonly waiting: readonly number[];
}

export function newStream(acked: number, after: Uint8Array | undefined): Stream {
  return { nextSeq: acked + 1, after, isEnded: false, waiting: [] };
}

export function wait(stream: Stream, seq: number): Stream {
  const waiting = [...stream.waiting.filter((other) => other !== seq), seq].sort((a, b) => a - b);
  return { ...stream, waiting };
}

export const answered = (stream: Stream, seqs: readonly number[]): Stream => ({
  ...stream,
  waiting: stream.waiting.filter((seq) => !seqs.includes(seq)),
});

/** Frames are read in order: one that was asked for early waits for those before it. */
export const canRead = ({ nextSeq, isEnded, waiting }: Stream): boolean => !isEnded && waiting.includes(nextSeq);

/** Those that wait for a frame that was sent before: once is enough, or the answer was lost. */
export const behind = ({ nextSeq, waiting }: Stream): number[] => waiting.filter((seq) => seq < nextSeq);

/** Those that wait for a frame beyond the last. */
export const beyond = ({ nextSeq, isEnded, waiting }: Stream): number[] =>
  isEnded ? waiting.filter((seq) => seq >= nextSeq) : [];

/** The next frame was read, and its askers answered. */
export function sent(stream: Stream, { seq, next }: TransferFrame): Stream {
  return { ...answered(stream, [seq]), nextSeq: seq + 1, after: next, isEnded: next === undefined };
}

export interface FrameQuery {
  readonly partition: number;
  readonly seq: number;
  readonly after: Uint8Array | undefined;
  /** Only records of these leaves; undefined: of all. */
  readonly leaves: ReadonlySet<number> | undefined;
  readonly maxItems: number;
  readonly maxBytes: number;
}

/** Pages that are searched for records of the wanted leaves before a frame leaves with what there is: other work has its turn between frames. */
const maxPages = 8;

/** Reads a frame: whole pages of the store, up to the bounds. */
export function readFrame(store: TransferStore, query: FrameQuery): TransferFrame {
  const { partition, seq, leaves, maxItems, maxBytes } = query;
  const barrier = store.barrier(partition);
  const found: FoldedRecord[] = [];
  let bytes = 0;
  let next = query.after;
  for (let page = 0; page < maxPages && found.length < maxItems && bytes < maxBytes; page += 1) {
    const limits = { maxItems: maxItems - found.length, maxBytes: maxBytes - bytes };
    const read = store.fold({ partition, ...(next === undefined ? {} : { after: next }) }, limits);
    for (const item of read.items) {
      if (leaves !== undefined && !leaves.has(store.leafOf(item.id))) continue;
      found.push(item);
      bytes += item.record?.bytes.length ?? 0;
    }
    next = read.next;
    if (next === undefined || leaves === undefined) break;
  }
  return frameOf(partition, { seq, barrier, next }, found);
}

function frameOf(
  partition: number,
  head: { readonly seq: number; readonly barrier: number; readonly next: Uint8Array | undefined },
  found: readonly FoldedRecord[],
): TransferFrame {
  const digests: string[] = [];
  const records: TransferFrame['records'] = [];
  const corrupt: TransferFrame['corrupt'] = [];
  for (const { id, record } of found) {
    if (record === undefined) {
      corrupt.push(nameOf(id));
      continue;
    }
    records.push({ ...nameOf(id), object: record.bytes });
    digests.push(record.digest);
  }
  const { seq, barrier, next } = head;
  const frame = { seq, barrier, records, corrupt, ...(next === undefined ? {} : { next }) };
  return { ...frame, checksum: frameChecksum(partition, frame, digests) };
}

const nameOf = ({ bucket, key }: RecordId) => ({ bucket, key });
