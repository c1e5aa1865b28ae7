import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';
import { ToolError } from './errors.ts';
import type { FileFacts, ImportFact, ProjectFacts } from './floors-core.ts';
import { readProjects } from './workspace.ts';

const skippedFolders = new Set(['node_modules', 'dist', 'test-results', 'coverage', '.nx']);

/** Reads the imports of every TypeScript and JavaScript file of every project. */
export function readFacts(root: string): ProjectFacts[] {
  return readProjects(root).map((project) => ({
    project,
    files: sourceFiles(root, project.dir).map((file) => readFile(root, file)),
  }));
}

/** Source files below `dir`, relative to `root`, sorted. */
function sourceFiles(root: string, dir: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory() && !skippedFolders.has(entry.name)) found.push(...sourceFiles(root, path));
    if (entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name)) found.push(path);
  }
  return found.sort();
}

function readFile(root: string, file: string): FileFacts {
  return { file, imports: importsOf(file, readFileSync(join(root, file), 'utf8')) };
}

/** All that a file imports: static, re-exported, type-only, `import()` with a constant, `import('x').T`, `require('x')`. */
export function importsOf(file: string, text: string): ImportFact[] {
  const parsed = parseSync(file, text);
  const error = parsed.errors.find((each) => each.severity === 'Error');
  if (error) throw new ToolError('BAD_SOURCE', `${file} does not parse: ${error.message}`);
  const found: ImportFact[] = [];
  const add = (node: { value?: unknown; start: number } | null) => {
    if (typeof node?.value !== 'string') return;
    found.push({ specifier: node.value, line: text.slice(0, node.start).split('\n').length });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source as { value?: unknown; start: number }),
    TSImportType: (node) => add(node.source),
    CallExpression: (node) => {
      const isRequire = node.callee.type === 'Identifier' && node.callee.name === 'require';
      if (isRequire && node.arguments[0]) add(node.arguments[0] as { value?: unknown; start: number });
    },
  }).visit(parsed.program);
  return found;
}
