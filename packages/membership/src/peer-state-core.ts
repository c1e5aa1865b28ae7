import type { z } from 'zod';
import type { NodeInfo, profileSchema } from './contract.ts';
import { isNewer } from './heartbeat-core.ts';

/** A node's whole heartbeat, and the entries of its info that changed after `since`. */
export type Profile = z.infer<typeof profileSchema>;
type InfoDelta = NonNullable<Profile['info']>;
type InfoKey = keyof NodeInfo;

/**
 * What is known of a node: its heartbeat, and its info with a version for each entry. Who has the info at version v has all entries that
 * changed up to v, so v alone tells another node what is to be sent (scuttlebutt: van Renesse et al., 2008). Versions count the changes in
 * one incarnation; 0: nothing is known of the info in this incarnation.
 */
export interface PeerState {
  readonly incarnation: number;
  readonly beat: number;
  readonly infoVersion: number;
  /** Of an earlier incarnation while `infoVersion` is 0. */
  readonly info: NodeInfo | undefined;
  /** When each entry changed last, also those that are gone. */
  readonly changedAt: Readonly<Partial<Record<InfoKey, number>>>;
}

const keys: readonly InfoKey[] = ['http', 'pid', 'version', 'hintsHeld', 'storage'];

/** A node that has just come to life, or is heard of for the first time. */
export function bornAt(incarnation: number, beat = 0, info?: NodeInfo): PeerState {
  return { incarnation, beat, infoVersion: 0, info, changedAt: {} };
}

/** A node's own state a while later. */
export function liveOn(state: PeerState, beat: number, info: NodeInfo): PeerState {
  const first = state.infoVersion === 0;
  const changed = keys.filter((key) => (first ? info[key] !== undefined : info[key] !== state.info?.[key]));
  if (changed.length === 0) return { ...state, beat };
  const infoVersion = state.infoVersion + 1;
  const changedAt = { ...state.changedAt };
  for (const key of changed) changedAt[key] = infoVersion;
  return { ...state, beat, infoVersion, info, changedAt };
}

/** The state as a profile, with what changed in the info after `since`, if anything did. */
export function profileOf(node: string, state: PeerState, since = state.infoVersion): Profile {
  const { incarnation, beat, infoVersion, info, changedAt } = state;
  const life = { node, incarnation, beat };
  if (since >= infoVersion || info === undefined) return life;
  const changed = keys.filter((key) => (changedAt[key] ?? 0) > since);
  const entries = Object.fromEntries(changed.map((key) => [key, info[key] ?? null]));
  return { ...life, info: { since, version: infoVersion, entries } };
}

/** What is known once the profile was heard: the same object when it brought nothing new. */
export function hearProfile(state: PeerState | undefined, profile: Profile): PeerState {
  const { incarnation, beat } = profile;
  const lived = isNewer(profile, state);
  const same = state?.incarnation === incarnation;
  if (!lived && !same) return state as PeerState;
  const now = !lived ? (state as PeerState) : same ? { ...state, beat } : bornAt(incarnation, beat, state?.info);
  return profile.info === undefined ? now : hearInfo(now, profile.info);
}

/** Takes the entries unless they are known, or some before them are missing. */
function hearInfo(state: PeerState, { since, version, entries }: InfoDelta): PeerState {
  if (since > state.infoVersion || version <= state.infoVersion) return state;
  const info: Record<string, unknown> = since === 0 ? {} : { ...state.info };
  const changedAt = since === 0 ? {} : { ...state.changedAt };
  for (const key of keys) {
    const value = entries[key];
    if (value === undefined) continue;
    if (value === null) delete info[key];
    else info[key] = value;
    changedAt[key] = version;
  }
  // Only an info that is whole is told to clients.
  return isWhole(info) ? { ...state, infoVersion: version, info, changedAt } : state;
}

function isWhole(info: Partial<Record<InfoKey, unknown>>): info is NodeInfo {
  return info.version !== undefined && info.hintsHeld !== undefined;
}

/** The most bytes that the profile takes in a message. */
export function profileBytes({ node, info }: Profile): number {
  const life = 1 + textBytes(node) + numberBytes + numberBytes;
  if (info === undefined) return life;
  const values = keys.map((key) => info.entries[key]);
  const sizes = values.map((value) => (typeof value === 'string' ? textBytes(value) : numberBytes));
  return sizes.reduce((sum, size) => sum + size, life + 2 + numberBytes + numberBytes);
}

/** The longest form of a number; an entry that is absent takes less. */
const numberBytes = 9;

function textBytes(text: string): number {
  return 3 + Buffer.byteLength(text);
}
