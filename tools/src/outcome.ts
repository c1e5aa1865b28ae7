/** What a check found. A step of `npm test` may sum many. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** A few words for the line of a step that passed. */
  readonly summary: string;
  /** What to read when something failed; empty otherwise. */
  readonly problems: readonly string[];
}

/** One check that fails when there is any problem. */
export function outcomeOf(problems: readonly string[], summary: string): Outcome {
  return problems.length === 0
    ? { passed: 1, failed: 0, summary, problems }
    : { passed: 0, failed: 1, summary, problems };
}

/** The sum of several outcomes. */
export function joinOutcomes(outcomes: readonly Outcome[], summary: string): Outcome {
  return {
    passed: outcomes.reduce((sum, each) => sum + each.passed, 0),
    failed: outcomes.reduce((sum, each) => sum + each.failed, 0),
    summary,
    problems: outcomes.flatMap((each) => each.problems),
  };
}

/** The line on which `npm test` ends, alone. */
export function closingLine(outcomes: readonly Outcome[]): string {
  const { passed, failed } = joinOutcomes(outcomes, '');
  return `${passed} passed, ${failed} failed`;
}
