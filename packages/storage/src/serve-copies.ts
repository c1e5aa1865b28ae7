import type { Bus, Clock, Random } from '@ringfort/bus';
import { type CopyReadReply, type CopyReadRequest, copyClose, copyOpen, copyRead } from './contract.ts';
import { CopyLostError, TooManyCopiesError } from './errors.ts';
import type { Store, StoreCopy } from './port.ts';

/** Each keeps the store from using the room of what is overwritten again. */
const COPIES_AT_ONCE = 2;
/** Rows of a piece are read on the event loop, which requests wait for: about 2 ms. */
const PIECE_BYTES = 128 * 1024;
const IDLE_MS = 30_000;

export interface ServeCopiesOptions {
  readonly bus: Bus;
  readonly nodeId: string;
  readonly store: Pick<Store, 'copy'>;
  readonly clock: Clock;
  readonly random: Random;
}

interface Open {
  readonly copy: StoreCopy;
  /** Pieces that were read. */
  pieces: number;
  timer: unknown;
}

/** Serves copies of a store at `node.<id>.storage`, piece by piece. One that nobody reads for 30 s is closed. */
export function serveCopies({ bus, nodeId, store, clock, random }: ServeCopiesOptions): { close(): void } {
  const copies = new Map<string, Open>();
  let opening = 0;

  const close = (id: string) => {
    const open = copies.get(id);
    if (open === undefined) return;
    copies.delete(id);
    clock.clearTimeout(open.timer);
    open.copy.close();
  };
  const awake = (id: string, open: Open) => {
    clock.clearTimeout(open.timer);
    open.timer = clock.setTimeout(() => close(id), IDLE_MS);
  };

  const start = async () => {
    if (copies.size + opening >= COPIES_AT_ONCE) throw new TooManyCopiesError(COPIES_AT_ONCE);
    opening += 1;
    try {
      const copy = await store.copy();
      const id = Buffer.from(random.bytes(8)).toString('hex');
      const open: Open = { copy, pieces: 0, timer: undefined };
      copies.set(id, open);
      awake(id, open);
      return { id };
    } finally {
      opening -= 1;
    }
  };

  const read = ({ id, piece }: CopyReadRequest): CopyReadReply => {
    const open = copies.get(id);
    if (open === undefined || open.pieces !== piece) throw new CopyLostError();
    awake(id, open);
    try {
      const bytes = open.copy.next(PIECE_BYTES);
      if (bytes === undefined) close(id);
      open.pieces += 1;
      return bytes === undefined ? {} : { bytes };
    } catch (error) {
      close(id);
      throw error;
    }
  };

  const address = `node.${nodeId}.storage`;
  const served = [
    bus.serve(address, copyOpen, start),
    bus.serve(address, copyRead, read),
    bus.serve(address, copyClose, ({ id }) => {
      close(id);
      return {};
    }),
  ];
  return {
    close() {
      for (const one of served) one.unsubscribe();
      for (const id of [...copies.keys()]) close(id);
    },
  };
}
