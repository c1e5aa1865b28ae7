/** Digests by leaf of a partition; empty leaves are absent. */
export type Leaves = ReadonlyMap<number, string>;

const empty = '';

/**
 * Leaves of which the receiver may lack something, with the sender's digests.
 *
 * A leaf is settled when both sides' digests are equal, or when the receiver has merged all records of it and the sender's digest is still
 * what it was before they were read (`fetched`): the receiver then holds at least what the sender holds, and what it holds beyond that, or
 * what is corrupt at the sender, makes the digests differ for good.
 */
export function unsettledLeaves(source: Leaves, target: Leaves, fetched: Leaves): Map<number, string> {
  const unsettled = new Map<number, string>();
  for (const [leaf, digest] of source)
    if (target.get(leaf) !== digest && fetched.get(leaf) !== digest) unsettled.set(leaf, digest);
  return unsettled;
}

/** Leaves that are settled though the digests differ: the receiver holds more there, or the sender cannot read all of it. */
export function leavesAhead(source: Leaves, target: Leaves, fetched: Leaves): number {
  const all = new Set([...source.keys(), ...target.keys()]);
  const isAhead = (leaf: number) => {
    const [theirs, ours] = [source.get(leaf) ?? empty, target.get(leaf) ?? empty];
    return theirs !== ours && (theirs === empty || fetched.get(leaf) === theirs);
  };
  return [...all].filter(isAhead).length;
}

export type Verdict =
  | { readonly type: 'verified' }
  /** These leaves' records are to be sent again. */
  | { readonly type: 'fetch'; readonly leaves: Leaves }
  /** What differs may be on its way: wait, and compare again. */
  | { readonly type: 'settle' };

/**
 * What to do after a comparison. Leaves are fetched that differed twice in a row: those that were merely written between the two sides'
 * answers are equal the next time. While writes go on some leaf may differ always; at the bound that is taken for what it is, since by then
 * every leaf has been settled once, and what is written later is forwarded by the sender's coordinators.
 */
export function judgeLeaves(unsettled: Leaves, before: Leaves, comparisonsLeft: number): Verdict {
  if (unsettled.size === 0 || comparisonsLeft <= 0) return { type: 'verified' };
  const stuck = [...unsettled].filter(([leaf]) => before.has(leaf));
  return stuck.length > 0 ? { type: 'fetch', leaves: new Map(stuck) } : { type: 'settle' };
}
