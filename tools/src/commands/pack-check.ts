import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { z } from 'zod';
import { ToolError } from '../errors.ts';
import { joinOutcomes, type Outcome, outcomeOf } from '../outcome.ts';
import { consumerSource, firstExample, tarballProblems } from '../pack-core.ts';
import { npm, run } from '../process.ts';
import { type Project, readProjects } from '../workspace.ts';

interface Packed {
  readonly project: Project;
  /** Path of the tarball. */
  readonly tarball: string;
  readonly files: readonly string[];
}

const exampleTimeoutMs = 30_000;

/** What `npm pack --json` prints: a list up to npm 11, a table by package name from npm 12. */
const entrySchema = z.object({
  name: z.string(),
  filename: z.string(),
  files: z.array(z.object({ path: z.string() })),
});
type PackEntry = z.infer<typeof entrySchema>;
const packSchema = z.union([
  z.array(entrySchema),
  z.record(z.string(), entrySchema).transform((table): PackEntry[] => Object.values(table)),
]);

/**
 * Packs every publishable package, lints it, installs all tarballs together in an empty folder outside the workspace,
 * resolves their types there, and runs each README's example and each binary's `--help`. One check for each.
 */
export async function packCheck(root: string): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'ringfort-pack-'));
  try {
    const packed = await packAll(root, folder);
    const contents = await Promise.all(packed.map(contentOutcome));
    const installed = await install(folder, packed);
    const used = installed.failed > 0 ? [installed] : [installed, ...(await useAll(root, folder, packed))];
    return joinOutcomes([...contents, ...used], `${packed.length} packages`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function packAll(root: string, folder: string): Promise<Packed[]> {
  const projects = readProjects(root).filter((project) => !project.manifest.private);
  const workspaces = projects.flatMap((project) => ['-w', project.dir]);
  const tarballs = join(folder, 'tarballs');
  mkdirSync(tarballs);
  const ran = await npm(
    ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', tarballs, ...workspaces],
    {
      cwd: root,
      timeoutMs: 120_000,
    },
  );
  if (ran.code !== 0) throw new ToolError('PACK_FAILED', 'npm pack failed: see above', { output: ran.output });
  const entries: PackEntry[] = packSchema.parse(JSON.parse(ran.stdout));
  return projects.map((project) => {
    const entry = entries.find((each) => each.name === project.name);
    if (!entry) throw new ToolError('PACK_FAILED', `npm pack made no tarball of ${project.name}`);
    return { project, tarball: join(tarballs, entry.filename), files: entry.files.map((file) => file.path) };
  });
}

async function contentOutcome({ project, tarball, files }: Packed): Promise<Outcome> {
  const bytes = readFileSync(tarball);
  const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const { messages, pkg } = await publint({ strict: true, pack: { tarball: data } });
  const lint = messages
    .filter((message) => message.type !== 'suggestion')
    .map((message) => formatMessage(message, pkg));
  const problems = [...tarballProblems(project.manifest, files), ...lint];
  return outcomeOf(
    problems.map((problem) => `${project.dir}: ${problem}`),
    project.name,
  );
}

async function install(folder: string, packed: readonly Packed[]): Promise<Outcome> {
  const dependencies = Object.fromEntries(packed.map((each) => [each.project.name, `file:${each.tarball}`]));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  const ran = await npm(
    ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'],
    {
      cwd: folder,
      timeoutMs: 180_000,
    },
  );
  return outcomeOf(ran.code === 0 ? [] : [`the tarballs cannot be installed together:\n${ran.output}`], 'installed');
}

async function useAll(root: string, folder: string, packed: readonly Packed[]): Promise<Outcome[]> {
  const outcomes = [await typesOutcome(root, folder, packed)];
  for (const { project } of packed) {
    const programs = Object.keys(project.manifest.bin);
    for (const name of programs) outcomes.push(await binOutcome(folder, name));
    // What a program's README shows is how it is called, not how it is imported.
    if (programs.length === 0) outcomes.push(await exampleOutcome(folder, project));
  }
  return outcomes;
}

/** Compiles a file that imports every entry; problems inside third-party declarations are theirs, not ours. */
async function typesOutcome(root: string, folder: string, packed: readonly Packed[]): Promise<Outcome> {
  writeFileSync(join(folder, 'consumer.ts'), consumerSource(packed.map((each) => each.project.manifest)));
  const types = join(root, 'node_modules', '@types');
  const compilerOptions = {
    module: 'NodeNext',
    target: 'ES2023',
    lib: ['ES2023'],
    strict: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [types],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const ran = await run(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd: folder, timeoutMs: 60_000 });
  const thirdParty = /^node_modules\/(?!@ringfort\/)/;
  const ours = ran.output.split('\n').filter((line) => line.includes('error TS') && !thirdParty.test(line));
  return outcomeOf(
    ours.map((line) => `types of the installed packages: ${line}`),
    'types',
  );
}

async function exampleOutcome(folder: string, project: Project): Promise<Outcome> {
  const readme = join(folder, 'node_modules', project.name, 'README.md');
  const code = existsSync(readme) ? firstExample(readFileSync(readme, 'utf8')) : undefined;
  if (code === undefined)
    return outcomeOf([`${project.dir}/README.md has no example in a \`\`\`ts block`], project.name);
  const file = join(folder, `example-${project.dir.replace(/\W/g, '-')}.mjs`);
  writeFileSync(file, code);
  return runOutcome(folder, [file], `the example of ${project.dir}/README.md`);
}

function binOutcome(folder: string, name: string): Promise<Outcome> {
  return runOutcome(folder, [join(folder, 'node_modules', '.bin', name), '--help'], `${name} --help, installed`);
}

async function runOutcome(folder: string, args: readonly string[], what: string): Promise<Outcome> {
  const ran = await run(process.execPath, args, { cwd: folder, timeoutMs: exampleTimeoutMs });
  if (ran.code === 0) return outcomeOf([], what);
  const how = ran.timedOut ? `did not end within ${exampleTimeoutMs / 1000} s` : `ended with exit code ${ran.code}`;
  return outcomeOf([`${what} ${how}:\n${ran.output}`], what);
}
