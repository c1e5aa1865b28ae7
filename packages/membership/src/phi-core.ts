/**
 * Phi-accrual (Hayashibara et al., "The phi accrual failure detector", 2004): a suspicion is a number, phi = -log10 of the probability that a peer which
 * lives looks as this one does. Phi 3: one in a thousand. Such numbers add up where their causes are independent.
 */

/** How irregularly news of one peer arrives: moments of the gaps between two arrivals, older ones counting less and less. */
export interface Gaps {
  readonly count: number;
  readonly meanMs: number;
  readonly meanSquare: number;
}

/** Gaps that count; those before fade. */
const maxSamples = 32;
/** What is assumed of a peer at first weighs as much as this many gaps. */
const assumedSamples = 4;
/**
 * The most regular arrivals that are believed in: a deviation of half the mean. One lost exchange delays the news of all peers alike, so gaps
 * that were alike so far say less than they seem to.
 */
const maxShape = 4;
const longestGapMs = 3_600_000;

/** Before anything was heard: irregular, and so wide that `phi` is reached after this much silence. */
export function assumedGaps(silentMs: number, phiThen: number): Gaps {
  const meanMs = bounded(silentMs / (phiThen * Math.LN10));
  return { count: assumedSamples, meanMs, meanSquare: 2 * meanMs * meanMs };
}

/** With one more gap. */
export function withGap(gaps: Gaps, gapMs: number): Gaps {
  const count = Math.min(gaps.count + 1, maxSamples);
  const gap = bounded(gapMs);
  return {
    count,
    meanMs: gaps.meanMs + (gap - gaps.meanMs) / count,
    meanSquare: gaps.meanSquare + (gap * gap - gaps.meanSquare) / count,
  };
}

/**
 * The suspicion that comes from silence alone. Rumours arrive by several hops, each a wait of its own, so the gaps are taken to be a sum of
 * `shape` equal waits (an Erlang distribution with their mean and variance): with one wait it is the exponential of Cassandra, right for
 * irregular arrivals, with many it comes near to the normal one of the paper, right for regular ones.
 */
export function phiOfSilence(silentMs: number, gaps: Gaps): number {
  const shape = shapeOf(gaps);
  const x = (shape * Math.min(Math.max(0, silentMs), 1000 * longestGapMs)) / gaps.meanMs;
  let term = 1;
  let sum = 1;
  for (let waits = 1; waits < shape; waits++) {
    term *= x / waits;
    sum += term;
  }
  return Math.max(0, (x - Math.log(sum)) / Math.LN10);
}

function shapeOf({ meanMs, meanSquare }: Gaps): number {
  const variance = meanSquare - meanMs * meanMs;
  const shape = variance <= 0 ? maxShape : Math.round((meanMs * meanMs) / variance);
  return Math.min(maxShape, Math.max(1, shape));
}

function bounded(gapMs: number): number {
  return Math.min(longestGapMs, Math.max(1, gapMs));
}

/** What became of attempts to reach peers that turned out to live: how likely one fails by bad luck, of late and for longer. */
export interface Luck {
  readonly lately: number;
  readonly longer: number;
}

/** How many attempts count; those before fade. */
const fewTries = 24;
const manyTries = 128;
const leastLoss = 0.01;
const mostLoss = 0.8;

/** Before anything was tried: a good network. */
export const goodLuck: Luck = { lately: leastLoss, longer: leastLoss };

/** With one answer, and with how many attempts were lost before it. */
export function withAnswer({ lately, longer }: Luck, lostTries: number): Luck {
  return { lately: faded(lately, lostTries, fewTries), longer: faded(longer, lostTries, manyTries) };
}

function faded(loss: number, lostTries: number, memory: number): number {
  return (loss * memory + lostTries) / (memory + 1 + lostTries);
}

/** The suspicion that one attempt without an answer adds: 2 in a good network, 1 where one in ten is lost. Losses that set in are heeded soon. */
export function phiOfLoss({ lately, longer }: Luck): number {
  return -Math.log10(Math.min(mostLoss, Math.max(leastLoss, lately, longer)));
}

/** No more than that, where some of those that were asked for help did not answer in time, and some did: much is being lost just now. */
export function phiAmongHelpers(phi: number, asked: number, heard: number): number {
  return heard === 0 || heard === asked ? phi : Math.min(phi, -Math.log10((asked - heard) / (asked + 1)));
}
