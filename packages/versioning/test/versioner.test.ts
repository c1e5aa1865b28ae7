import { describe, expect, it } from 'vitest';
import {
  type Alarm,
  addDot,
  createVersioner,
  type Dot,
  emptyContext,
  MarkerError,
  type RunMarker,
  runContract,
  VersionerStoppedError,
} from '../src/index.ts';

let seed = 0;
const random = (count: number) => new Uint8Array(count).fill(++seed);
const recordOf = (...dots: Dot[]) => ({ actor: dots.at(-1)!.actor, clock: dots.reduce(addDot, emptyContext) });

describe('the dots of a run', () => {
  it('count on under the actor of the record, past its clock and past the puts in flight', async () => {
    const versioner = await createVersioner({ random });
    const first = versioner.dotFor({ keyId: 'k' });
    expect(first).toEqual({ dot: { actor: `${versioner.runId}-0`, counter: 1 }, fresh: true });
    const record = recordOf(first.dot);
    expect(versioner.dotFor({ keyId: 'k', record }).dot).toEqual({ actor: first.dot.actor, counter: 2 });
    const inFlight = { actor: first.dot.actor, counter: 4 };
    expect(versioner.dotFor({ keyId: 'k', record, inFlight }).dot.counter).toBe(5);
    expect(versioner.dotFor({ keyId: 'k', inFlight: first.dot })).toEqual({
      dot: { actor: first.dot.actor, counter: 2 },
      fresh: false,
    });
    expect(versioner.dotFor({ keyId: 'other' }).dot.actor).toBe(`${versioner.runId}-1`);
  });

  it('count past detached dots of the own actor too', async () => {
    const versioner = await createVersioner({ random });
    const { actor } = versioner.dotFor({ keyId: 'k' }).dot;
    const record = recordOf({ actor, counter: 1 }, { actor, counter: 5 });
    expect(versioner.dotFor({ keyId: 'k', record }).dot.counter).toBe(6);
  });

  it('are fresh under a record of an earlier run, of no known coordinator, or of an actor never given', async () => {
    const before = await createVersioner({ random });
    const old = before.dotFor({ keyId: 'k' }).dot;
    const versioner = await createVersioner({ random });
    const clock = addDot(emptyContext, old);
    expect(versioner.dotFor({ keyId: 'k', record: { actor: old.actor, clock } }).fresh).toBe(true);
    expect(versioner.dotFor({ keyId: 'k', record: { clock } }).fresh).toBe(true);
    const never = { actor: `${versioner.runId}-zz`, counter: 1 };
    expect(versioner.dotFor({ keyId: 'k', record: recordOf(never) }).fresh).toBe(true);
  });

  it('are fresh once a local write of the key failed, and count on again under the fresh actor', async () => {
    const versioner = await createVersioner({ random });
    const failed = versioner.dotFor({ keyId: 'k' }).dot;
    versioner.taint('k');
    const fresh = versioner.dotFor({ keyId: 'k', record: recordOf(failed), inFlight: failed });
    expect(fresh.fresh).toBe(true);
    expect(versioner.dotFor({ keyId: 'k', record: recordOf(failed, fresh.dot) })).toEqual({
      dot: { actor: fresh.dot.actor, counter: 2 },
      fresh: false,
    });
  });

  it('are all fresh when more keys are tainted than can be remembered', async () => {
    const versioner = await createVersioner({ random, maxTainted: 2 });
    const { runId } = versioner;
    const { dot } = versioner.dotFor({ keyId: 'sound' });
    for (const keyId of ['a', 'b', 'c']) versioner.taint(keyId);
    expect(versioner.runId).not.toBe(runId);
    expect(versioner.run()).toMatchObject({ tainted: 0, given: 1 });
    expect(versioner.dotFor({ keyId: 'sound', record: recordOf(dot) }).fresh).toBe(true);
  });
});

describe('alarms', () => {
  it('are raised by a context that names a dot beyond the record; the write gets a fresh actor', async () => {
    const alarms: Alarm[] = [];
    const versioner = await createVersioner({ random, onAlarm: (alarm) => alarms.push(alarm) });
    const { dot } = versioner.dotFor({ keyId: 'k' });
    const record = recordOf(dot);
    const context = addDot(emptyContext, { actor: dot.actor, counter: 7 });
    const grant = versioner.dotFor({ keyId: 'k', record, context });
    expect(grant).toMatchObject({ fresh: true, alarm: { kind: 'context-ahead', seen: 7, known: 1 } });
    expect(alarms).toEqual([grant.alarm]);
    expect(versioner.run()).toMatchObject({ alarms: 1, mode: 'givingDotsAlarmed' });
    expect(versioner.dotFor({ keyId: 'k', record }).fresh).toBe(true);
  });

  it('are not raised by a context within the puts in flight', async () => {
    const versioner = await createVersioner({ random });
    const { dot } = versioner.dotFor({ keyId: 'k' });
    const context = addDot(emptyContext, dot);
    expect(versioner.dotFor({ keyId: 'k', inFlight: dot, context })).not.toHaveProperty('alarm');
  });

  it('are raised by an object from elsewhere that is ahead; then every key is fresh', async () => {
    const versioner = await createVersioner({ random });
    const sound = versioner.dotFor({ keyId: 'sound' }).dot;
    const { dot } = versioner.dotFor({ keyId: 'k' });
    expect(versioner.noticeForeign('k', dot.actor, 1, 1)).toBeUndefined();
    expect(versioner.noticeForeign('k', dot.actor, 1, 0)).toBeUndefined();
    expect(versioner.noticeForeign('k', 'somebody-else', 9, 1)).toBeUndefined();
    expect(versioner.noticeForeign('k', dot.actor, 3, 1)).toMatchObject({ kind: 'object-ahead', seen: 3, known: 1 });
    expect(versioner.dotFor({ keyId: 'sound', record: recordOf(sound) }).fresh).toBe(true);
  });

  it('are raised by an actor of this run that was never given: a copy of this store is running', async () => {
    const versioner = await createVersioner({ random });
    const alarm = versioner.noticeForeign('k', `${versioner.runId}-5`, 1, 0);
    expect(alarm).toMatchObject({ kind: 'actor-never-given' });
  });

  it('are not raised where a failed write explains the dot', async () => {
    const versioner = await createVersioner({ random });
    const { dot } = versioner.dotFor({ keyId: 'k' });
    versioner.taint('k');
    expect(versioner.noticeForeign('k', dot.actor, 2, 1)).toBeUndefined();
  });
});

describe('stopping', () => {
  const markerStore = (marker?: RunMarker) => ({
    left: [] as RunMarker[],
    async take() {
      return marker;
    },
    async leave(one: RunMarker) {
      this.left.push(one);
    },
  });

  it('hands the run over, and the next start goes on with it', async () => {
    const marker = markerStore();
    const versioner = await createVersioner({ random, marker });
    const { dot } = versioner.dotFor({ keyId: 'k' });
    await versioner.stop();
    expect(marker.left).toEqual([{ runId: versioner.runId, nextNumber: 1 }]);
    const next = await createVersioner({ random, marker: markerStore(marker.left[0]) });
    expect(next.dotFor({ keyId: 'k', record: recordOf(dot) }).dot).toEqual({ actor: dot.actor, counter: 2 });
    expect(next.dotFor({ keyId: 'new' }).dot.actor).toBe(`${versioner.runId}-1`);
  });

  it('hands nothing over after a failed write or an alarm', async () => {
    const marker = markerStore();
    const tainted = await createVersioner({ random, marker });
    tainted.taint('k');
    await tainted.stop();
    const alarmed = await createVersioner({ random, marker });
    alarmed.noticeForeign('k', `${alarmed.runId}-5`, 1, 0);
    await alarmed.stop();
    expect(marker.left).toEqual([]);
  });

  it('gives no more dots', async () => {
    const versioner = await createVersioner({ random });
    await versioner.stop();
    await versioner.stop();
    expect(() => versioner.dotFor({ keyId: 'k' })).toThrow(VersionerStoppedError);
    expect(versioner.run().mode).toBe('stopped');
  });

  it('says so when the marker cannot be left; one that cannot be taken or is malformed costs a fresh run id only', async () => {
    const broken = {
      take: () => Promise.reject(new Error('unreadable')),
      leave: () => Promise.reject(new Error('disk full')),
    };
    const versioner = await createVersioner({ random, marker: broken });
    expect(versioner.dotFor({ keyId: 'k' }).fresh).toBe(true);
    await expect(versioner.stop()).rejects.toThrow(MarkerError);
    const malformed = { ...broken, take: async () => ({ runId: 'short', nextNumber: -1 }) };
    const fresh = await createVersioner({ random, marker: malformed });
    expect(fresh.runId).toMatch(/^[0-9a-f]{16}$/);
  });

  it('is seen from outside by the contract of the verb `run`', async () => {
    const versioner = await createVersioner({ random });
    versioner.dotFor({ keyId: 'k' });
    const reply = runContract.reply.parse(versioner.run());
    expect(reply).toEqual({ runId: versioner.runId, given: 1, alarms: 0, tainted: 0, mode: 'givingDots' });
    expect(runContract.verb).toBe('run');
  });
});
