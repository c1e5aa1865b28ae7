import { hash } from 'node:crypto';

/** Places on the ring are 52-bit integers: the top of the 128-bit MD5, exact in a number. */
const ringSize = 2 ** 52;

/** Where a key lies on the ring, in [0, 1): the top 52 bits of the MD5 of `bucket NUL key`. */
export function positionOf(bucket: string, key: string): number {
  return Number.parseInt(hash('md5', `${bucket}\0${key}`).slice(0, 13), 16) / ringSize;
}

interface Token {
  readonly position: number;
  readonly node: string;
}

/** A ring of random tokens: for comparison with strategy 3, not used by a cluster. */
export interface TokenRing {
  /** The owners of the key at this position, the coordinator first. */
  ownersAt(position: number): readonly string[];
  /** Tokens that every node must know. */
  readonly tokens: number;
}

function randomTokens(nodes: readonly string[], tokensPerNode: number, random: () => number): Token[] {
  const tokens = nodes.flatMap((node) => Array.from({ length: tokensPerNode }, () => ({ position: random(), node })));
  return tokens.sort((a, b) => a.position - b.position || (a.node < b.node ? -1 : 1));
}

/** The first token at or after the position; the ring closes on itself. */
function successor(tokens: readonly Token[], position: number): number {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (tokens[middle]!.position < position) low = middle + 1;
    else high = middle;
  }
  return low % tokens.length;
}

/** The first `replicas` distinct nodes met clockwise from a token. */
function walk(tokens: readonly Token[], start: number, replicas: number): readonly string[] {
  const met = new Set<string>();
  for (let step = 0; step < tokens.length && met.size < replicas; step++) {
    met.add(tokens[(start + step) % tokens.length]!.node);
  }
  return [...met];
}

/**
 * Strategy 1 of section 6.2 of the Dynamo paper: T random tokens per node, and partition by token value: each key belongs to the first
 * token clockwise from it, and to the next distinct nodes.
 * @param random draws from [0, 1); a seeded one makes the ring repeatable
 */
export function tokenValueRing(
  nodes: readonly string[],
  tokensPerNode: number,
  replicas: number,
  random: () => number,
): TokenRing {
  const tokens = randomTokens(nodes, tokensPerNode, random);
  const lists = tokens.map((_, start) => walk(tokens, start, replicas));
  return { tokens: tokens.length, ownersAt: (position) => lists[successor(tokens, position)]! };
}

/**
 * Strategy 2 of section 6.2: T random tokens per node, and Q equal partitions: a partition lies on the first distinct nodes met clockwise
 * from its end.
 * @param random draws from [0, 1); a seeded one makes the ring repeatable
 */
export function tokenPlacedPartitions(
  nodes: readonly string[],
  tokensPerNode: number,
  partitions: number,
  replicas: number,
  random: () => number,
): TokenRing {
  const tokens = randomTokens(nodes, tokensPerNode, random);
  const lists = Array.from({ length: partitions }, (_, partition) =>
    walk(tokens, successor(tokens, (partition + 1) / partitions), replicas),
  );
  return { tokens: tokens.length, ownersAt: (position) => lists[Math.floor(position * partitions)]! };
}
