import { DeadlineExceededError, NoRespondersError, RemoteError } from '@ringfort/bus';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeFailure } from '../src/errors.ts';
import { Peer, pickNode, probeDelayMs } from '../src/peers.ts';

const noResponders = new NoRespondersError('node.n1.coordinator');
const deadline = new DeadlineExceededError('node.n1.coordinator', 'put', 10);

describe('whether a "no responders" notice proves that a request was not delivered', () => {
  it('it does when the request was the only one', () => {
    const peer = new Peer('n1', 'node.n1.coordinator');
    expect(peer.end(peer.begin(), noResponders, false)).toBe(false);
    expect(peer.end(peer.begin(), noResponders, false)).toBe(false);
  });

  it('it does not when others were under way before, or were sent since', () => {
    const peer = new Peer('n1', 'node.n1.coordinator');
    const early = peer.begin();
    const late = peer.begin();
    expect(peer.end(early, noResponders, false)).toBe(true);
    expect(peer.end(late, noResponders, false)).toBe(true);
  });

  it('it does not after a request that was given up, until the node has answered something', () => {
    const peer = new Peer('n1', 'node.n1.coordinator');
    peer.end(peer.begin(), deadline, false);
    expect(peer.end(peer.begin(), noResponders, false)).toBe(true);
    peer.end(peer.begin(), undefined, true);
    expect(peer.end(peer.begin(), noResponders, false)).toBe(false);
  });

  it('the same holds of a protocol mismatch, which the bus tells of everything pending too', () => {
    const mismatch = new RemoteError({ code: 'PROTOCOL_MISMATCH', message: '' });
    const peer = new Peer('n1', 'node.n1.coordinator');
    expect(judgeFailure(mismatch, peer.end(peer.begin(), mismatch, true)).outcome).toBe('not-applied');
    const [early, late] = [peer.begin(), peer.begin()];
    expect(judgeFailure(mismatch, peer.end(early, mismatch, true)).outcome).toBe('indeterminate');
    expect(judgeFailure(mismatch, peer.end(late, mismatch, true)).outcome).toBe('indeterminate');
  });

  it('no other failure is a proof', () => {
    const peer = new Peer('n1', 'node.n1.coordinator');
    expect(peer.end(peer.begin(), deadline, false)).toBe(true);
  });
});

describe('the choice of a node', () => {
  it('is the first healthy untried one, else the first untried, else none', () => {
    const nodes = ['a', 'b', 'c', 'd'];
    fc.assert(
      fc.property(fc.subarray(nodes), fc.subarray(nodes), (suspects, tried) => {
        const untried = nodes.filter((node) => !tried.includes(node));
        const healthy = untried.filter((node) => !suspects.includes(node));
        expect(pickNode(nodes, (node) => suspects.includes(node), tried)).toBe(healthy[0] ?? untried[0]);
      }),
    );
  });

  it('comes back to a suspect after delays that double up to a bound', () => {
    expect([0, 1, 2, 3, 4, 5, 1000].map((failures) => probeDelayMs(failures, 250, 5000))).toEqual([
      250, 500, 1000, 2000, 4000, 5000, 5000,
    ]);
  });
});
