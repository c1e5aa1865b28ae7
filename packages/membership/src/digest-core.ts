import { type PeerState, type Profile, profileBytes, profileOf } from './peer-state-core.ts';
import { lifeOf, type Stamp, stampBytes } from './stamps-core.ts';

/** What a node knows of others, itself among them. */
export type PeerTable = ReadonlyMap<string, PeerState>;

/** What an answer tells: who has lived on, in a few bytes each; and of whom more must be told. */
export interface Deltas {
  readonly stamps: readonly Stamp[];
  readonly profiles: readonly Profile[];
}

/** Of the bytes for deltas, the part that news of lives leaves to infos. */
const infoShare = 1 / 4;

/**
 * What is known of the first `names`, as many as fit.
 * @returns the stamps, and how many of the names they speak for: one without a stamp among those is not known.
 */
export function digestOf(
  table: PeerTable,
  names: readonly string[],
  maxBytes: number,
  bytesOfName: (name: string) => number = () => 0,
): { readonly stamps: readonly Stamp[]; readonly count: number } {
  const stamps: Stamp[] = [];
  let left = maxBytes;
  let previous = -1;
  for (const [position, name] of names.entries()) {
    const stamp = stampOf(table, name, position);
    left -= bytesOfName(name) + (stamp === undefined ? 0 : stampBytes(stamp, previous));
    if (left < 0) return { stamps, count: position };
    if (stamp === undefined) continue;
    stamps.push(stamp);
    previous = position;
  }
  return { stamps, count: names.length };
}

/** The names of which the digest tells something later than the table: who, and the beat. */
export function laterBeats(
  table: PeerTable,
  names: readonly string[],
  stamps: readonly Stamp[],
): { readonly name: string; readonly beat: number }[] {
  return stamps.flatMap(({ position, life, beat }) => {
    const name = names[position];
    const known = name === undefined ? undefined : table.get(name);
    if (name === undefined || known === undefined || lifeOf(known.incarnation) !== life) return [];
    return beat > known.beat ? [{ name, beat }] : [];
  });
}

interface Lack {
  readonly name: string;
  readonly state: PeerState;
  /** Beats that the asker is behind; without end where it does not know this life. */
  readonly behind: number;
  /** What is told of the life; a profile where the asker may not know it. */
  readonly told: Stamp | undefined;
  /** The version of the info that the asker has. */
  readonly infoVersion: number;
}

/**
 * What the table knows beyond a digest of these names, in at most `maxBytes`. Who is furthest behind comes first; among equals, who stands
 * first in the names, so an asker that begins them elsewhere each time is fair to all. Lives come before infos, but leave them a part.
 */
export function deltasBeyond(
  table: PeerTable,
  names: readonly string[],
  digest: readonly Stamp[],
  maxBytes: number,
): Deltas {
  const lacks = lacksOf(table, names, digest);
  const profiles = new Map<string, Profile>();
  const stamps: Stamp[] = [];
  let left = maxBytes;
  const late = lacks.filter(({ behind }) => behind > 0).sort((a, b) => b.behind - a.behind);
  for (const { name, state, told } of late) {
    // A stamp's gap is known only once all are chosen, but it is never longer than its position.
    const size = told === undefined ? profileBytes(profileOf(name, state)) : stampBytes(told, -1);
    if (left - size < maxBytes * infoShare) break;
    left -= size;
    if (told === undefined) profiles.set(name, profileOf(name, state));
    else stamps.push(told);
  }
  for (const { name, state, infoVersion } of lacks) {
    if (infoVersion >= state.infoVersion) continue;
    const known = profiles.get(name);
    const profile = profileOf(name, state, infoVersion);
    const size = profileBytes(profile) - (known === undefined ? 0 : profileBytes(known));
    if (size > left) continue;
    left -= size;
    profiles.set(name, profile);
  }
  return { stamps: stamps.sort((a, b) => a.position - b.position), profiles: [...profiles.values()] };
}

function lacksOf(table: PeerTable, names: readonly string[], digest: readonly Stamp[]): Lack[] {
  const told = new Map(digest.map((stamp) => [stamp.position, stamp]));
  return names.flatMap((name, position): Lack[] => {
    const state = table.get(name);
    if (state === undefined) return [];
    const known = told.get(position);
    if (known === undefined || known.life !== lifeOf(state.incarnation))
      return [{ name, state, behind: Infinity, told: undefined, infoVersion: 0 }];
    const { infoVersion } = known;
    return [{ name, state, behind: state.beat - known.beat, told: stampOf(table, name, position), infoVersion }];
  });
}

function stampOf(table: PeerTable, name: string, position: number): Stamp | undefined {
  const state = table.get(name);
  if (state === undefined) return undefined;
  const { incarnation, beat, infoVersion } = state;
  return { position, life: lifeOf(incarnation), beat, infoVersion };
}
