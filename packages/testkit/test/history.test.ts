import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type History, recordHistory } from '../src/index.ts';

const kinds = (history: History, final: Record<string, string[]>) =>
  history.check(new Map(Object.entries(final))).violations.map(({ kind, value }) => `${kind}: ${value}`);

describe('the history of writes', () => {
  it('names an acknowledged write that is gone, and one from nowhere', () => {
    const history = recordHistory();
    history.put('k', 'v1').acknowledged('c1');
    expect(kinds(history, { k: ['v1'] })).toEqual([]);
    expect(kinds(history, {})).toEqual(['lost: v1']);
    expect(kinds(history, { k: ['v1', 'ghost'], other: ['v1'] })).toEqual(['from nowhere: ghost', 'from nowhere: v1']);
    expect(kinds(history, { k: ['v1', 'v1'] })).toEqual(['returned twice: v1']);
  });

  it('accepts what was overwritten by a write that had seen it, through any number of steps', () => {
    const history = recordHistory();
    history.put('k', 'v1').acknowledged('c1');
    history.put('k', 'v2', 'c1').acknowledged('c2');
    history.read('k', ['v2'], 'c3');
    history.put('k', 'v3', 'c3').acknowledged();
    expect(kinds(history, { k: ['v3'] })).toEqual([]);
    expect(kinds(history, { k: ['v1', 'v3'] })).toEqual(['overwritten but returned: v1']);
    expect(kinds(history, {})).toEqual(['lost: v3']);
  });

  it('does not accept that a concurrent write replaces another', () => {
    const history = recordHistory();
    history.read('k', [], 'empty');
    history.put('k', 'v1', 'empty').acknowledged();
    history.put('k', 'v2', 'empty').acknowledged();
    expect(kinds(history, { k: ['v2', 'v1'] })).toEqual([]);
    expect(kinds(history, { k: ['v2'] })).toEqual(['lost: v1']);
  });

  it('allows an indeterminate write both ways, and its overwriting; not a failed one', () => {
    const history = recordHistory();
    history.put('k', 'v1').acknowledged('c1');
    history.put('k', 'v2', 'c1').indeterminate();
    expect(kinds(history, { k: ['v2'] })).toEqual([]);
    expect(kinds(history, { k: ['v1'] })).toEqual([]);
    expect(kinds(history, { k: ['v1', 'v2'] })).toEqual([]);
    const refused = recordHistory();
    refused.put('k', 'v1').acknowledged('c1');
    refused.put('k', 'v2', 'c1').failed();
    expect(kinds(refused, { k: ['v1'] })).toEqual([]);
    expect(kinds(refused, { k: ['v2'] })).toEqual(['failed but returned: v2', 'lost: v1']);
  });

  it('lets a blind delete that its client gave up remove what is written later', () => {
    const history = recordHistory();
    history.delete('k').indeterminate();
    history.put('k', 'v1').acknowledged();
    expect(kinds(history, {})).toEqual([]);
    history.delete('other').acknowledged();
    history.put('other', 'v2').acknowledged();
    expect(kinds(history, {})).toEqual(['lost: v2']);
  });

  it('lets a delete remove what it had seen, and a blind one what was there before it ended', () => {
    const history = recordHistory();
    history.put('k', 'v1').acknowledged('c1');
    history.put('k', 'v2').acknowledged('c2');
    history.delete('k', 'c1').acknowledged();
    expect(kinds(history, { k: ['v2'] })).toEqual([]);
    expect(kinds(history, {})).toEqual(['lost: v2']);
    expect(kinds(history, { k: ['v1', 'v2'] })).toEqual(['overwritten but returned: v1']);
    const during = history.delete('k');
    history.put('k', 'v3').acknowledged();
    during.acknowledged();
    history.put('k', 'v4').acknowledged();
    expect(kinds(history, { k: ['v4'] })).toEqual([]);
    expect(kinds(history, {})).toEqual(['lost: v4']);
  });

  it('remembers values from nowhere that were only read for a moment', () => {
    const history = recordHistory();
    history.read('k', ['ghost'], 'c');
    expect(kinds(history, {})).toEqual(['from nowhere: ghost']);
  });

  it('refuses to be told what cannot be', () => {
    const history = recordHistory();
    const write = history.put('k', 'v1');
    write.acknowledged('c1');
    const misuse = expect.objectContaining({ code: 'HISTORY_MISUSE' });
    expect(() => write.failed()).toThrow(misuse);
    expect(() => history.put('k', 'v1')).toThrow(misuse);
    expect(() => history.put('k', 'v2', 'never returned')).toThrow(misuse);
    expect(() => history.put('other', 'v1', 'c1')).toThrow(misuse);
  });

  it('finds nothing in the history of a store that keeps siblings, and everything that such a store then loses', () => {
    const action = fc.record({ client: fc.nat({ max: 2 }), read: fc.boolean(), blind: fc.boolean() });
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 60 }), fc.nat(), (actions, victim) => {
        // A naive store: a set of values; a context is the set of values that a client has seen.
        let store: string[] = [];
        const seen: Set<string>[] = [new Set(), new Set(), new Set()];
        const contexts: (string | undefined)[] = [undefined, undefined, undefined];
        const history = recordHistory();
        for (const [index, { client, read, blind }] of actions.entries()) {
          if (read) {
            contexts[client] = `read-${index}`;
            for (const value of store) seen[client]!.add(value);
            seen[client] = new Set(store);
            history.read('k', store, contexts[client]);
            continue;
          }
          const context = blind ? undefined : contexts[client];
          const write = history.put('k', `v${index}`, context);
          store = [...store.filter((value) => context === undefined || !seen[client]!.has(value)), `v${index}`];
          seen[client] = new Set([...(context === undefined ? [] : seen[client]!), `v${index}`]);
          contexts[client] = `put-${index}`;
          write.acknowledged(contexts[client]);
        }
        expect(kinds(history, { k: store })).toEqual([]);
        const lost = store[victim % Math.max(store.length, 1)];
        const rest = store.filter((value) => value !== lost);
        expect(kinds(history, { k: rest })).toEqual(lost === undefined ? [] : [`lost: ${lost}`]);
      }),
    );
  });
});
