/**
 * Which of two values is newer, and which are truly concurrent: dotted version vectors with explicit causal contexts, dots that are
 * never given twice, and hybrid logical stamps for last-write-wins.
 *
 * @example
 * const first = updateObject(undefined, undefined, { actor: 'a', counter: 1 }, { value, contentType: 'text/plain' });
 * const onOneSide = updateObject(first, contextOf(first), { actor: 'a', counter: 2 }, { value: v2, contentType: 'text/plain' });
 * const onTheOther = updateObject(first, contextOf(first), { actor: 'b', counter: 1 }, { value: v3, contentType: 'text/plain' });
 * mergeObjects(onOneSide, onTheOther).siblings.length; // 2: neither writer had seen the other
 *
 * @module
 */
export { contextFromText, contextToText, decodeContext, encodeContext } from './context-codec.ts';
export {
  addDot,
  boundContext,
  compareContexts,
  contextSize,
  covers,
  dominates,
  emptyContext,
  highestCounter,
  joinContexts,
  makeContext,
} from './context-core.ts';
export { type RunReply, run as runContract } from './contract.ts';
export { compareDots, formatDot, parseDot } from './dot-core.ts';
export {
  CorruptObjectError,
  DotReusedError,
  InvalidContextError,
  InvalidDotError,
  MarkerError,
  UnencodableError,
  VersionerStoppedError,
} from './errors.ts';
export { compareStamps, higherStamp, nextStamp } from './hlc-core.ts';
export { decodeObject, encodeObject } from './object-codec.ts';
export {
  contextAfterPut,
  contextOf,
  isTombstone,
  liveSiblings,
  mergeObjects,
  siblingCount,
  updateObject,
} from './object-core.ts';
export { replaces, vectorEntryOf } from './object-peek.ts';
export type { Alarm, DotGrant, DotRequest } from './run-core.ts';
export type { ActorId, Context, Dot, HlcStamp, Payload, Sibling, VersionedObject } from './types.ts';
export { createVersioner, type Versioner, type VersionerOptions } from './versioner.ts';
export { type RunMarker, type RunMarkerStore, type VersionerEvent, versionerMachine } from './versioner-machine.ts';
