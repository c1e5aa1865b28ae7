import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { shortestCycles } from './graph-core.ts';
import type { Project } from './workspace.ts';

/** One import, re-export, `import()` or `require()` as it stands in a file. */
export interface ImportFact {
  readonly specifier: string;
  readonly line: number;
}

export interface FileFacts {
  /** Relative to the workspace, with `/`. */
  readonly file: string;
  readonly imports: readonly ImportFact[];
}

export interface ProjectFacts {
  readonly project: Project;
  readonly files: readonly FileFacts[];
}

/** What each package beside the floors may import of the workspace from `src`. */
const supportMayImport: Readonly<Record<string, readonly string[]>> = {
  '@ringfort/nats-server': [],
  '@ringfort/testkit': ['@ringfort/bus', '@ringfort/nats-server'],
};

/**
 * The simulator and the fuzzer assemble whole nodes out of every package and app. Most packages use the testkit in their tests, so its manifest
 * cannot list them without a cycle: these folders, which nothing imports and no build contains, may import any package unlisted, and (`inside`) by
 * relative paths the parts of one that it does not export.
 */
const wholeNodes = {
  dirs: ['sim/', 'test/sim/', 'fuzz/', 'test/fuzz/'].map((dir) => `packages/testkit/${dir}`),
  inside: ['packages/testkit/sim/', 'packages/testkit/fuzz/'],
};
const anySources = /^(packages|apps)\/[^/]+\/(src|scenarios\/harness)\//;

/** Files outside a project that every project may import. */
const sharedFiles = ['tools/vitest.shared.ts', 'tools/readme-examples.ts'];

const builtins = new Set(builtinModules);

/**
 * Checks every import and every package.json against the floors of the architecture.
 * @param rootDependencies names that the workspace's own package.json provides to tests and configs
 * @returns one sentence per violation, in the order of the files; empty when all is well
 */
export function floorViolations(facts: readonly ProjectFacts[], rootDependencies: readonly string[]): string[] {
  const byName = new Map(facts.map((each) => [each.project.name, each.project]));
  const found: string[] = [];
  for (const { project, files } of facts) {
    found.push(...manifestViolations(project, byName));
    for (const { file, imports } of files) {
      for (const fact of imports) {
        const violation = fact.specifier.startsWith('.')
          ? relativeViolation(project, file, fact.specifier)
          : packageViolation(project, file, fact.specifier, byName, rootDependencies);
        if (violation) found.push(`${file}:${fact.line} ${violation}`);
      }
    }
    found.push(...fileCycles(files));
  }
  found.push(...packageCycles(facts.map((each) => each.project)));
  return found;
}

/** Splits `@scope/name/sub/path` into package name and subpath (empty for the main entry). */
export function splitSpecifier(specifier: string): { name: string; subpath: string } {
  const parts = specifier.split('/');
  const size = specifier.startsWith('@') ? 2 : 1;
  return { name: parts.slice(0, size).join('/'), subpath: parts.slice(size).join('/') };
}

const isSource = (project: Project, file: string) => file.startsWith(`${project.dir}/src/`);

function relativeViolation(project: Project, file: string, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(file), specifier);
  if (target.startsWith(`${project.dir}/`)) {
    const escapes = isSource(project, file) && !isSource(project, target) && !target.endsWith('/package.json');
    return escapes ? `imports ${target}: src is published without it, move it into src` : undefined;
  }
  if (sharedFiles.includes(target) && !isSource(project, file)) return undefined;
  if (wholeNodes.inside.some((dir) => file.startsWith(dir)) && anySources.test(target)) return undefined;
  return `imports ${target}: a relative import must not leave ${project.dir}, import the package by its name`;
}

function packageViolation(
  project: Project,
  file: string,
  specifier: string,
  byName: ReadonlyMap<string, Project>,
  rootDependencies: readonly string[],
): string | undefined {
  const { name, subpath } = splitSpecifier(specifier);
  if (name.startsWith('node:') || builtins.has(name)) return undefined;
  const target = byName.get(name);
  const part = isSource(project, file) ? 'src' : 'beside';
  if (target) {
    const reason = refusal(project, target, subpath, part);
    if (reason) return `imports ${entryFile(target, subpath)} (${specifier}): ${reason}`;
    if (target === project) return undefined;
    if (target.floor !== 'tools' && wholeNodes.dirs.some((dir) => file.startsWith(dir))) return undefined;
  }
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = project.manifest;
  const tables = [dependencies, peerDependencies, optionalDependencies, part === 'src' ? {} : devDependencies];
  if (tables.some((table) => name in table)) return undefined;
  if (part === 'beside' && rootDependencies.includes(name)) return undefined;
  const where = part === 'src' ? 'dependencies' : 'dependencies or devDependencies';
  return `imports ${name}: ${project.dir}/package.json does not list it in ${where}`;
}

/** The file that a workspace import leads to, as far as the manifest tells. */
function entryFile(target: Project, subpath: string): string {
  const entry = target.manifest.exports[subpath ? `./${subpath}` : '.'];
  const path = typeof entry === 'string' ? entry : (entry?.['ringfort-source'] ?? entry?.default);
  return path ? posix.join(target.dir, path) : `${target.dir}/package.json`;
}

/** Why `from` must not import `to`, or undefined when it may. `beside` is all that is not `src`: tests, benches, configs. */
function refusal(from: Project, to: Project, subpath: string, part: 'src' | 'beside'): string | undefined {
  if (from === to) return part === 'src' ? 'inside a package, import by relative path' : undefined;
  if (subpath === 'package.json') return undefined;
  if (to.floor === 'tools') return 'nothing imports the tools';
  if (from.floor === 'tools') return 'the tools import nothing of the workspace, they read its built files';
  return part === 'src' ? sourceRefusal(from, to, subpath) : besideRefusal(from, to);
}

function sourceRefusal(from: Project, to: Project, subpath: string): string | undefined {
  if (from.floor === 'support') {
    const allowed = supportMayImport[from.name] ?? [];
    return allowed.includes(to.name)
      ? undefined
      : `${from.name} may import only ${allowed.join(', ') || 'npm packages'}`;
  }
  if (to.floor === 'support') {
    if (to.manifest.private) return `${to.name} is for tests and benches, not for src`;
    return from.floor === 3 ? undefined : `only apps (floor 3) may import ${to.name} from src`;
  }
  if (to.floor > from.floor) return `upward, from floor ${from.floor} to floor ${to.floor}`;
  if (to.floor === from.floor && subpath !== 'contract') {
    return `sideways on floor ${from.floor}: siblings import only each other's ./contract`;
  }
  return undefined;
}

function besideRefusal(from: Project, to: Project): string | undefined {
  if (to.floor === 'support' || from.floor === 'support') return undefined;
  return to.floor > from.floor ? `upward, from a test on floor ${from.floor} to floor ${to.floor}` : undefined;
}

function manifestViolations(project: Project, byName: ReadonlyMap<string, Project>): string[] {
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = project.manifest;
  const production = Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies });
  const check = (name: string, part: 'src' | 'beside') => {
    const target = byName.get(name);
    const reason = target && refusal(project, target, 'contract', part);
    return reason ? [`${project.dir}/package.json depends on ${target.dir}/package.json (${name}): ${reason}`] : [];
  };
  return [
    ...production.flatMap((name) => check(name, 'src')),
    ...Object.keys(devDependencies).flatMap((name) => check(name, 'beside')),
  ];
}

function fileCycles(files: readonly FileFacts[]): string[] {
  const known = new Set(files.map((each) => each.file));
  const graph = new Map<string, string[]>();
  for (const { file, imports } of files) {
    const targets = imports
      .filter((fact) => fact.specifier.startsWith('.'))
      .map((fact) => posix.join(posix.dirname(file), fact.specifier))
      .filter((target) => known.has(target));
    graph.set(file, targets);
  }
  return shortestCycles(graph).map((cycle) => `import cycle: ${[...cycle, cycle[0]].join(' -> ')}`);
}

function packageCycles(projects: readonly Project[]): string[] {
  const byName = new Map(projects.map((project) => [project.name, project]));
  const manifestFile = (project: Project) => `${project.dir}/package.json`;
  const graph = new Map(
    projects.map((project) => {
      const names = Object.keys({ ...project.manifest.dependencies, ...project.manifest.devDependencies });
      return [manifestFile(project), names.flatMap((name) => byName.get(name) ?? []).map(manifestFile)];
    }),
  );
  return shortestCycles(graph).map((cycle) => `dependency cycle: ${[...cycle, cycle[0]].join(' -> ')}`);
}
