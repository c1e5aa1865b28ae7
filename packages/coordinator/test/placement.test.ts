import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addStandIn,
  forwardCandidates,
  holdBack,
  nextInLine,
  planPlaces,
  roleOf,
  spares,
} from '../src/placement-core.ts';

const list = ['n1', 'n2', 'n3', 'n4', 'n5'];
const upSet = fc.subarray(list).map((up) => (node: string) => up.includes(node));

describe('where the copies of a request go', () => {
  it('asks each node once, healthy primaries first, and a stand-in for each that is missing', () => {
    fc.assert(
      fc.property(upSet, fc.integer({ min: 1, max: 5 }), (isUp, n) => {
        const plan = planPlaces(list, n, true, isUp);
        const nodes = plan.places.map((p) => p.node);
        expect(new Set(nodes).size).toBe(nodes.length);
        expect(nodes.every(isUp)).toBe(true);
        const primaries = list.slice(0, n);
        expect(plan.places.filter((p) => p.standsInFor === undefined).map((p) => p.node)).toEqual(
          primaries.filter(isUp),
        );
        const covered = plan.places.flatMap((p) => (p.standsInFor === undefined ? [] : [p.standsInFor]));
        expect([...covered, ...plan.uncovered].sort()).toEqual(primaries.filter((p) => !isUp(p)).sort());
        expect(plan.places.length).toBe(Math.min(n, list.filter(isUp).length));
      }),
    );
  });

  it('asks those thought to be down as a last resort, when a sloppy quorum could not be met otherwise', () => {
    const onlySelf = (node: string) => node === 'n1';
    const three = list.slice(0, 3);
    expect(planPlaces(three, 3, true, onlySelf, 2).places.map((p) => p.node)).toEqual(['n1', 'n2', 'n3']);
    expect(planPlaces(three, 3, true, onlySelf, 1).places.map((p) => p.node)).toEqual(['n1']);
    expect(planPlaces(three, 3, false, onlySelf, 2).places.map((p) => p.node)).toEqual(['n1']);
  });

  it('asks only as many as a read wants while all is well, and everybody else at the first sign of trouble', () => {
    const of = (nodes: readonly { node: string }[]) => nodes.map(({ node }) => node);
    fc.assert(
      fc.property(upSet, fc.integer({ min: 1, max: 5 }), fc.nat(4), fc.boolean(), (isUp, n, wanted, sloppy) => {
        const all = of(planPlaces(list, n, sloppy, isUp).places);
        const plan = planPlaces(list, n, sloppy, isUp);
        holdBack(plan, 'n1', wanted);
        const well = list.slice(0, n).every(isUp);
        expect(of(plan.places)).toEqual(well ? list.slice(0, Math.min(n, wanted + 1)) : all);
        expect([...of(plan.places), ...of(plan.reserve)]).toEqual(all);
        expect(spares(plan)).toBeGreaterThanOrEqual(plan.reserve.length);
        const failed = plan.places.find((p) => p.standsInFor === undefined && p.node !== 'n1');
        if (failed !== undefined) failed.state = 'failed';
        const next = nextInLine(plan);
        expect(next.every((p) => plan.places.includes(p))).toBe(true);
        expect(of(plan.places)).toEqual(expect.arrayContaining(all));
        const standIns = list.slice(n).filter((node) => isUp(node) && !all.includes(node));
        const covered = sloppy && failed !== undefined ? standIns.slice(0, 1) : [];
        expect(of(plan.places).filter((node) => !all.includes(node))).toEqual(covered);
        expect(plan.reserve).toEqual([]);
      }),
    );
  });

  it('lets nobody stand in for a replica that answered with an error', () => {
    const plan = planPlaces(list, 3, true, () => true);
    Object.assign(plan.places[1]!, { state: 'failed', refused: true });
    expect(nextInLine(plan)).toEqual([]);
    expect(spares(plan)).toBe(0);
  });

  it('never counts a stand-in towards a strict quorum', () => {
    const plan = planPlaces(list, 3, false, (node) => node !== 'n2');
    expect(plan.places.map((p) => [p.node, p.standsInFor, p.counts])).toEqual([
      ['n1', undefined, true],
      ['n3', undefined, true],
      ['n4', 'n2', false],
    ]);
  });

  it('goes down the list for the next stand-in, and says when none is left', () => {
    const plan = planPlaces(list, 3, true, () => true);
    expect(addStandIn(plan, 'n1')?.node).toBe('n4');
    expect(addStandIn(plan, 'n2')?.node).toBe('n5');
    expect(addStandIn(plan, 'n3')).toBeUndefined();
    expect(plan.uncovered).toEqual(['n3']);
  });

  it('lets exactly the primaries coordinate, and stand-ins only when no primary is up', () => {
    fc.assert(
      fc.property(upSet, fc.integer({ min: 1, max: 5 }), fc.constantFrom(...list), (isUp, n, self) => {
        const up = (node: string) => node === self || isUp(node);
        const role = roleOf(self, list, n, up);
        if (list.indexOf(self) < n) expect(role).toBe('primary');
        else if (list.slice(0, n).some(up)) expect(role).toBe('none');
        else expect(role === 'stand-in' || list.slice(n, list.indexOf(self)).filter(up).length >= n).toBe(true);
        if (role === 'none') expect(forwardCandidates(self, list, n, up).length).toBeGreaterThan(0);
      }),
    );
  });
});
