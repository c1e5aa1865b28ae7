import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Writes files into a temporary folder that goes when the test ends. */
export function writeTree(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'ringfort-tools-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

export interface PackageShape {
  floor: string;
  private?: boolean;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** The text of a package.json as the packages of this workspace have it. */
export function manifest(name: string, { floor, ...rest }: PackageShape): string {
  const entry = (file: string) => ({ 'ringfort-source': `./src/${file}.ts`, default: `./dist/${file}.js` });
  return JSON.stringify({
    name,
    version: '0.1.0',
    exports: { '.': entry('index'), './contract': entry('contract') },
    nx: { tags: [`floor:${floor}`] },
    ...rest,
  });
}
