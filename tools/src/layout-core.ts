import { posix } from 'node:path';
import { z } from 'zod';

/** All that may lie at the top level beside dotfiles. */
const allowedEntries = new Set([
  'package.json',
  'package-lock.json',
  'nx.json',
  'tsconfig.base.json',
  'packages',
  'apps',
  'tools',
  'docs',
  'README.md',
  'LICENSE',
]);

/** Of those, the ones without which the repository is not whole. */
const requiredEntries = ['README.md', 'LICENSE', 'package-lock.json', 'nx.json', 'tsconfig.base.json', '.ci'];

/**
 * What does not belong at the top level, and what is missing there.
 * @param entries names at the top level
 * @param gitignore text of .gitignore: what it names, as a name or as `*.ending`, is nobody's concern
 */
export function topLevelProblems(entries: readonly string[], gitignore: string): string[] {
  const ignored = gitignore
    .split('\n')
    .map((line) => line.trim().replace(/\/$/, ''))
    .filter((line) => line !== '' && !line.startsWith('#'));
  const isIgnored = (name: string) =>
    ignored.some((pattern) => pattern === name || (pattern.startsWith('*.') && name.endsWith(pattern.slice(1))));
  const stray = entries
    .filter((name) => !name.startsWith('.') && !allowedEntries.has(name) && !isIgnored(name))
    .map((name) => `${name} does not belong at the top level: move it into docs/, tools/, apps/ or packages/`);
  const missing = requiredEntries.filter((name) => !entries.includes(name)).map((name) => `${name} is missing`);
  return [...stray, ...missing];
}

const dependencyTable = z.record(z.string(), z.string()).default({});

const lockfileSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      resolved: z.string().optional(),
      integrity: z.string().optional(),
      link: z.boolean().optional(),
      dependencies: dependencyTable,
      devDependencies: dependencyTable,
    }),
  ),
});

/** The dependencies that a package.json states. */
export interface Stated {
  /** Folder of the package.json, relative to the workspace; empty for the workspace itself. */
  readonly dir: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/**
 * A lockfile must not name the registry it was made with, must pin each package by its hash, and must know the
 * dependencies of each package.json as they stand there.
 */
export function lockfileProblems(text: string, stated: readonly Stated[]): string[] {
  const { packages } = lockfileSchema.parse(JSON.parse(text));
  const behind = stated.flatMap(({ dir, dependencies, devDependencies }) => {
    const locked = packages[dir];
    const wanted = { dependencies, devDependencies };
    const same = (['dependencies', 'devDependencies'] as const).every((kind) =>
      isSame(wanted[kind], locked?.[kind] ?? {}),
    );
    return same
      ? []
      : [`package-lock.json is behind ${posix.join(dir, 'package.json')}: run npm install and commit it`];
  });
  return [...behind, ...entryProblems(packages)];
}

function isSame(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

function entryProblems(packages: z.infer<typeof lockfileSchema>['packages']): string[] {
  return Object.entries(packages).flatMap(([path, { resolved, integrity, link }]) => {
    const where = `package-lock.json: ${path}`;
    if (resolved && /^[a-z+]+:/.test(resolved))
      return [`${where} has a resolved URL: run npm install in this checkout`];
    const isInstalled = path.includes('node_modules/') && !link;
    return isInstalled && !integrity ? [`${where} has no integrity: delete the entry and run npm install`] : [];
  });
}
