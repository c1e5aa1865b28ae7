import type { Manifest } from './workspace.ts';

/** The code of the first ```ts block of a README, or undefined when it has none. */
export function firstExample(readme: string): string | undefined {
  return /^```ts(?:[ \t][^\n]*)?\n([\s\S]*?)^```\s*$/m.exec(readme)?.[1];
}

/** Files that every published package carries. */
const requiredFiles = ['LICENSE', 'README.md', 'package.json'];

/**
 * What is wrong with the content of a tarball, seen from the manifest.
 * @param files paths inside the tarball
 */
export function tarballProblems(manifest: Manifest, files: readonly string[]): string[] {
  const there = new Set(files);
  const missing = requiredFiles.filter((file) => !there.has(file)).map((file) => `${file} is not in the tarball`);
  const stray = files
    .filter((file) => file.endsWith('.tsbuildinfo') || file.startsWith('test/') || file.startsWith('node_modules/'))
    .map((file) => `${file} should not be in the tarball`);
  return [...missing, ...stray, ...exportProblems(manifest, there), ...binProblems(manifest, there)];
}

/** Each file that `exports` names must be there, and each entry with code must have types. */
function exportProblems(manifest: Manifest, there: ReadonlySet<string>): string[] {
  const problems: string[] = [];
  if (!('.' in manifest.exports)) problems.push('exports has no "." entry');
  for (const [entry, conditions] of Object.entries(manifest.exports)) {
    const targets = typeof conditions === 'string' ? { default: conditions } : conditions;
    for (const [condition, target] of Object.entries(targets)) {
      if (!there.has(target.replace(/^\.\//, ''))) {
        problems.push(`exports["${entry}"].${condition} is ${target}, which is not in the tarball`);
      }
    }
    if (typeof conditions !== 'string' && !conditions.types) problems.push(`exports["${entry}"] has no types`);
  }
  return problems;
}

function binProblems(manifest: Manifest, there: ReadonlySet<string>): string[] {
  return Object.entries(manifest.bin)
    .filter(([, target]) => !there.has(target.replace(/^\.\//, '')))
    .map(([name, target]) => `bin.${name} is ${target}, which is not in the tarball`);
}

/** A TypeScript file that imports every entry of every package, to see that their types resolve. */
export function consumerSource(manifests: readonly Manifest[]): string {
  const entries = manifests.flatMap((manifest) =>
    Object.entries(manifest.exports)
      .filter(([, conditions]) => typeof conditions !== 'string')
      .map(([entry]) => manifest.name + entry.slice(1)),
  );
  const imports = entries.map((entry, place) => `import * as entry${place} from '${entry}';`);
  return [...imports, `export const entries = [${entries.map((_, place) => `entry${place}`).join(', ')}];`, ''].join(
    '\n',
  );
}
