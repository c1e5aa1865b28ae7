import { z } from 'zod';
import type { TransferFrame } from './transfer-contract.ts';
import { frameBytes } from './transfer-frame-core.ts';

const leafBytes = 10;
/** Leaves with digests, packed: two bytes and eight for each. */
const leavesSchema = z.base64().transform((text): Map<number, string> => {
  const packed = Buffer.from(text, 'base64');
  const leaves = new Map<number, string>();
  for (let at = 0; at + leafBytes <= packed.length; at += leafBytes)
    leaves.set(packed.readUInt16BE(at), packed.toString('hex', at + 2, at + leafBytes));
  return leaves;
});

function packLeaves(leaves: ReadonlyMap<number, string>): string {
  const packed = Buffer.alloc(leaves.size * leafBytes);
  let at = 0;
  for (const [leaf, digest] of leaves) {
    packed.writeUInt16BE(leaf, at);
    packed.write(digest, at + 2, 'hex');
    at += leafBytes;
  }
  return packed.toString('base64');
}

const corruptSchema = z.object({ bucket: z.string(), key: z.string() });

const stateSchema = z.object({
  partition: z.int().min(0),
  /** The node that sends. */
  source: z.string().min(1),
  transfer: z.string().min(1),
  /** Grows with every stream that is opened: what is late of an earlier one is known as such. */
  attempt: z.int().min(0),
  /** Of the source's store, and the barrier under which all was sent; the cursor holds for these alone. Empty at first. */
  storeId: z.string(),
  barrier: z.int().min(0),
  /** 0: the whole partition; later ones send leaves that differed. */
  pass: z.int().min(0),
  /** What this pass sends, with the source's digests; absent: everything. */
  wanted: leavesSchema.optional(),
  /** Leaves that earlier passes have sent, with the source's digests from before. */
  fetched: leavesSchema,
  /** Frames of this pass that are merged, and on disk, and where the last of them ended. */
  acked: z.int().min(0),
  cursor: z
    .base64()
    .transform((text): Uint8Array => Buffer.from(text, 'base64'))
    .optional(),
  isPassComplete: z.boolean(),
  isVerified: z.boolean(),
  records: z.int().min(0),
  bytes: z.int().min(0),
  /** Records that the source cannot read: how many, and the first of them. */
  corruptRecords: z.int().min(0),
  corrupt: z.array(corruptSchema),
});

/** How far a transfer has come: what the receiver keeps durably. */
export type TransferState = Readonly<z.infer<typeof stateSchema>>;
export type CorruptName = Readonly<z.infer<typeof corruptSchema>>;

/** Under which all of them are kept; of one partition; of one from one source. */
export const allStates = 'transfer/';
export const statesOf = (partition: number): string => `${allStates}${partition}/`;
export const stateKey = ({ partition, source }: { readonly partition: number; readonly source: string }): string =>
  `${statesOf(partition)}${source}`;

export function freshState(partition: number, source: string, transfer: string): TransferState {
  return {
    partition,
    source,
    transfer,
    attempt: 0,
    storeId: '',
    barrier: 0,
    pass: 0,
    fetched: new Map(),
    acked: 0,
    isPassComplete: false,
    isVerified: false,
    records: 0,
    bytes: 0,
    corruptRecords: 0,
    corrupt: [],
  };
}

/** The receiver holds some of the partition already: what differs is sent, rather than everything. */
export function comparedFirst(state: TransferState): TransferState {
  return { ...state, isPassComplete: true };
}

/** Whether the source was never heard. */
export const isUnbound = ({ storeId }: TransferState): boolean => storeId === '';

/** From the partition's start, of this store and under this barrier; later attempts still supersede earlier ones. */
export function startedOver(state: TransferState, storeId: string, barrier: number): TransferState {
  const { partition, source, transfer, attempt } = state;
  return { ...freshState(partition, source, transfer), attempt, storeId, barrier };
}

/** Whether nothing of it would be lost by starting over. */
export function isAtStart({ pass, acked }: TransferState): boolean {
  return pass === 0 && acked === 0;
}

/** The frame after the last one is merged. */
export function advanced(state: TransferState, frame: TransferFrame, maxCorruptIds: number): TransferState {
  const { cursor: _before, ...rest } = state;
  return {
    ...rest,
    acked: frame.seq,
    ...(frame.next === undefined ? {} : { cursor: frame.next }),
    isPassComplete: frame.next === undefined,
    records: state.records + frame.records.length,
    bytes: state.bytes + frameBytes(frame),
    ...withCorrupt(state, frame.corrupt, maxCorruptIds),
  };
}

/** A later pass sends the name of a corrupt record again. */
function withCorrupt(
  { pass, corrupt, corruptRecords }: TransferState,
  names: readonly CorruptName[],
  maxCorruptIds: number,
): Pick<TransferState, 'corrupt' | 'corruptRecords'> {
  const added = names.filter((name) => !corrupt.some(({ bucket, key }) => bucket === name.bucket && key === name.key));
  const kept = added.slice(0, Math.max(0, maxCorruptIds - corrupt.length));
  const count = pass === 0 ? added.length : kept.length;
  return { corrupt: [...corrupt, ...kept], corruptRecords: corruptRecords + count };
}

/** Leaves that the passes so far have sent whole. */
export function fetchedLeaves({ fetched, wanted, isPassComplete }: TransferState): ReadonlyMap<number, string> {
  return wanted === undefined || !isPassComplete ? fetched : new Map([...fetched, ...wanted]);
}

export function nextPass(state: TransferState, wanted: ReadonlyMap<number, string>): TransferState {
  const { cursor: _before, ...rest } = state;
  return {
    ...rest,
    pass: state.pass + 1,
    wanted: new Map(wanted),
    fetched: new Map(fetchedLeaves(state)),
    acked: 0,
    isPassComplete: false,
    isVerified: false,
  };
}

export function encodeState({ wanted, fetched, cursor, ...rest }: TransferState): Uint8Array {
  const plain = {
    ...rest,
    ...(wanted === undefined ? {} : { wanted: packLeaves(wanted) }),
    fetched: packLeaves(fetched),
    ...(cursor === undefined ? {} : { cursor: Buffer.from(cursor).toString('base64') }),
  };
  return Buffer.from(JSON.stringify(plain));
}

/** Undefined: these are not the bytes of a state; the transfer starts over, which costs time alone. */
export function decodeState(bytes: Uint8Array): TransferState | undefined {
  try {
    return stateSchema.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    return undefined;
  }
}
