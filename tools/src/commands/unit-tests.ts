import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runMany } from '../nx.ts';
import { joinOutcomes, type Outcome } from '../outcome.ts';
import { run } from '../process.ts';
import { readResults, sumResults } from '../vitest-results.ts';
import { readProjects } from '../workspace.ts';

const resultsFile = 'test-results/vitest.json';
const scenariosFile = 'test-results/scenarios.json';
const unitTimeoutMs = 360_000;
const scenariosTimeoutMs = 900_000;

export interface TestRunOptions {
  readonly onCi: boolean;
  /** Takes a line for each project as its tests end. */
  readonly tell: (line: string) => void;
}

/** Runs vitest in every project, two at a time, from Nx's cache where nothing has changed, and counts the tests. */
export async function unitTests(root: string, options: TestRunOptions): Promise<Outcome> {
  const projects = readProjects(root).filter((project) => 'test' in project.manifest.scripts);
  for (const { dir } of projects) rmSync(join(root, dir, 'test-results'), { recursive: true, force: true });
  const how = (name: string, endedWell: boolean) => ({ name, endedWell, skippedFails: options.onCi, root });
  const waiting = new Set(projects);
  const tellEnded = () => {
    for (const project of waiting) {
      const results = readResults(join(root, project.dir, resultsFile));
      if (!results) continue;
      waiting.delete(project);
      const { summary, failed } = sumResults(results, how(project.name, true));
      options.tell(failed > 0 ? `${summary}, ${failed} failed` : summary);
    }
  };
  const progress = setInterval(tellEnded, 500);
  try {
    const ran = await runMany(root, 'test', { timeoutMs: unitTimeoutMs, tools: true });
    tellEnded();
    const failing = failedProjects(ran.output, 'test');
    const outcomes = projects.map(({ name, dir }) =>
      sumResults(readResults(join(root, dir, resultsFile)), how(name, !failing.has(name))),
    );
    const sum = joinOutcomes(outcomes, `${projects.length} projects`);
    const unexplained = ran.code !== 0 && sum.problems.every((problem) => !problem.includes('\n'));
    const late = ran.timedOut ? [`the tests were ended after ${unitTimeoutMs / 1000} s`] : [];
    const problems = [...(unexplained ? [ran.output] : []), ...sum.problems, ...late];
    return { ...sum, failed: ran.code !== 0 && sum.failed === 0 ? 1 : sum.failed, problems };
  } finally {
    clearInterval(progress);
  }
}

/** The projects that Nx names as failed at the end of its output, `- @ringfort/bus:test`. */
export function failedProjects(output: string, target: string): Set<string> {
  const found = output.matchAll(new RegExp(`^\\s*-\\s+(\\S+):${target}\\s*$`, 'gm'));
  return new Set([...found].map(([, name]) => name ?? ''));
}

/** Runs the scenarios on real processes, alone, and counts them. */
export async function scenarioTests(root: string, options: TestRunOptions): Promise<Outcome> {
  const dir = join(root, 'apps', 'node');
  const name = 'scenarios';
  const results = join(dir, scenariosFile);
  const config = join(dir, 'vitest.scenarios.config.ts');
  if (!existsSync(config)) {
    return { passed: 0, failed: 1, summary: name, problems: ['apps/node/vitest.scenarios.config.ts is missing'] };
  }
  rmSync(results, { force: true });
  const args = [
    'run',
    '--config',
    config,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${scenariosFile}`,
  ];
  const ran = await run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
    cwd: dir,
    timeoutMs: scenariosTimeoutMs,
  });
  const sum = sumResults(readResults(results), { name, endedWell: ran.code === 0, skippedFails: options.onCi, root });
  return sum.failed > 0 ? { ...sum, problems: [...sum.problems, ran.output] } : sum;
}
