import { type Context, formatDot, isTombstone, type Sibling } from '@ringfort/versioning';
import { maxToldActors, type RecordSummary, type ReplicaInspectReply, type SiblingSummary } from './contract.ts';
import { CorruptRecordError } from './errors.ts';
import { digestOf } from './hash.ts';
import type { RecordId, Store, StoredRecord } from './port.ts';

/** What a store holds under a key: a record that cannot be read is told by its code, and hides nothing else. */
export function inspectRecord(store: Store, id: RecordId): ReplicaInspectReply {
  const record = attempt(() => {
    const found = store.read(id);
    return found && summaryOf(found);
  });
  const hint = attempt(() => {
    const found = store.hintOf(id);
    return found && { ...summaryOf(found.record), owedTo: [...found.owedTo] };
  });
  return {
    storeId: store.storeId,
    barrier: store.barrier(id.partition),
    label: store.label(id.partition),
    filled: store.isFilled(id.partition),
    ...('code' in record ? { recordError: record.code } : record.found && { record: record.found }),
    ...('code' in hint ? { hintError: hint.code } : hint.found && { hint: hint.found }),
  };
}

function attempt<T>(read: () => T | undefined): { readonly found: T | undefined } | { readonly code: string } {
  try {
    return { found: read() };
  } catch (error) {
    if (error instanceof CorruptRecordError) return { code: error.code };
    throw error;
  }
}

function summaryOf({ object, bytes, digest, actor }: StoredRecord): RecordSummary {
  return {
    digest,
    bytes: bytes.length,
    ...(actor === undefined ? undefined : { actor }),
    siblings: object.siblings.map(siblingSummary),
    clock: clockSummary(object.clock),
  };
}

function siblingSummary(sibling: Sibling): SiblingSummary {
  const { dot, value, contentType, expiresAtMs, stamp } = sibling;
  return {
    dot: formatDot(dot),
    tombstone: isTombstone(sibling),
    contentType,
    ...(value === undefined ? undefined : { bytes: value.length, digest: digestOf(value) }),
    ...(expiresAtMs === undefined ? undefined : { expiresAtMs }),
    ...(stamp === undefined ? undefined : { stamp: { ...stamp } }),
  };
}

function clockSummary({ vector, cloud }: Context): RecordSummary['clock'] {
  const told = [...vector].slice(0, maxToldActors).map(([actor, counter]) => formatDot({ actor, counter }));
  const detached = [...cloud.values()].reduce((sum, dots) => sum + dots.length, 0);
  return { vector: told, entries: vector.size, detached };
}
