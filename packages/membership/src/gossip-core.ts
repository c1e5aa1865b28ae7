import { deltasBeyond, digestOf, type PeerTable } from './digest-core.ts';
import { type Profile, profileBytes } from './peer-state-core.ts';
import { type About, namesFrom, type Roster } from './roster-core.ts';
import { packStamps, type Stamp } from './stamps-core.ts';

/**
 * The most bytes in the body of a question or an answer. A node sends about one of each a second, so gossip stays below 2 KB/s however
 * large the cluster is; up to some 130 nodes, one message tells of all.
 */
export const maxGossipBytes = 896;

/** Of the body, beside what is counted: headers, the version (23), the list of members and the numbers that cut it (28). */
const fixedBytes = 72;

export interface Asking {
  readonly self: Profile;
  readonly table: PeerTable;
  /** Either the members, from `start` on, ... */
  readonly roster?: Roster;
  readonly start?: number;
  /** ... or these nodes. */
  readonly ids?: readonly string[];
}

/** A question, and the names that its digest, and the stamps of its answer, speak of. */
export interface Ask {
  readonly self: Profile;
  readonly about: About;
  readonly stamps: Uint8Array;
  readonly names: readonly string[];
}

/** Tells what is known of as many as one message holds. */
export function askOf({ self, table, roster, start = 0, ids = [] }: Asking): Ask {
  const maxBytes = maxGossipBytes - fixedBytes - profileBytes(self);
  const names = roster === undefined ? ids.slice(0, maxIds) : namesFrom(roster, start);
  const bytesOfName = (name: string) => (roster === undefined ? name.length + 2 : 0);
  const { stamps, count } = digestOf(table, names, maxBytes, bytesOfName);
  const told = names.slice(0, count);
  const about = roster === undefined ? { ids: told } : { roster: roster.id, start, count };
  return { self, about, stamps: packStamps(stamps), names: told };
}

/** As many ids as the contract allows. */
const maxIds = 256;

/** What is known beyond a digest of these names. */
export function answerDigest(
  table: PeerTable,
  names: readonly string[],
  digest: readonly Stamp[],
): { readonly stamps: Uint8Array; readonly profiles: Profile[] } {
  const { stamps, profiles } = deltasBeyond(table, names, digest, maxGossipBytes - fixedBytes);
  return { stamps: packStamps(stamps), profiles: [...profiles] };
}
