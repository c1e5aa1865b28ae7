import { DeadlineExceededError, DisconnectedError, NoRespondersError, PeerLostError, RemoteError } from '@ringfort/bus';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeFailure } from '../src/errors.ts';
import { pickPeer, probeDelayMs } from '../src/peers.ts';

const address = 'node.n1.coordinator';

describe('what a failed attempt means for a write', () => {
  it('is not applied when it certainly never reached a node, or was refused there', () => {
    const refusals = [
      new NoRespondersError(address),
      new RemoteError({ code: 'PROTOCOL_MISMATCH', message: '' }),
      new RemoteError({ code: 'QUORUM_UNAVAILABLE', message: '', details: { outcome: 'not-applied' } }),
    ];
    for (const failure of refusals) expect(judgeFailure(failure).outcome).toBe('not-applied');
  });

  it('is indeterminate whenever a node may have had it', () => {
    const doubts = [
      new PeerLostError(address),
      new DeadlineExceededError(address, 'put', 10),
      new DisconnectedError(address),
      new RemoteError({ code: 'INTERNAL', message: '' }),
      new RemoteError({ code: 'QUORUM_UNAVAILABLE', message: '', details: { outcome: 'indeterminate' } }),
    ];
    for (const failure of doubts) expect(judgeFailure(failure).outcome).toBe('indeterminate');
  });
});

describe('the choice of a node', () => {
  it('is the first healthy untried one, else the first untried, else none', () => {
    const peers = ['a', 'b', 'c', 'd'].map((id) => ({ id, address: `node.${id}.coordinator` }));
    fc.assert(
      fc.property(fc.subarray(peers), fc.subarray(peers), (suspects, tried) => {
        const untried = peers.filter((peer) => !tried.includes(peer));
        const healthy = untried.filter((peer) => !suspects.includes(peer));
        const isSuspect = (id: string) => suspects.some((peer) => peer.id === id);
        expect(pickPeer(peers, isSuspect, tried)).toBe(healthy[0] ?? untried[0]);
      }),
    );
  });

  it('comes back to a suspect after delays that double up to a bound', () => {
    expect([0, 1, 2, 3, 4, 5, 1000].map((failures) => probeDelayMs(failures, 250, 5000))).toEqual([
      250, 500, 1000, 2000, 4000, 5000, 5000,
    ]);
  });
});
