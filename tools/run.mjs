#!/usr/bin/env node
// Entry of `npm start`, `npm test`, `npm run demo`, `npm run bench` and `npm run tools`. Plain JavaScript without imports
// from npm, because on a fresh clone nothing is installed: it installs the npm packages, compiles tools/src to
// tools/dist, and hands over to the program there.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Ends the program with one line. */
function fail(message, output = '') {
  if (output.trim()) process.stderr.write(`${output.trimEnd()}\n`);
  process.stderr.write(`ringfort: ${message}\n`);
  process.exit(1);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [wantMajor, wantMinor] = [20, 19];
  if (major < wantMajor || (major === wantMajor && minor < wantMinor)) {
    fail(`Node ${wantMajor}.${wantMinor} or newer is needed, this is ${process.versions.node}: see https://nodejs.org`);
  }
}

/** What npm installed (its hidden lockfile) against what package-lock.json asks for: the first difference, or undefined. */
function whatIsNotInstalled() {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return 'node_modules is missing';
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || !path.includes('node_modules/')) continue;
    const there = installed[path];
    if (entry.link) {
      if (!existsSync(join(root, path))) return `${path} is not linked`;
    } else if (!there) {
      if (!entry.optional && !entry.peer) return `${path} is not installed`;
    } else if (there.version !== entry.version) {
      return `${path} is ${there.version}, package-lock.json wants ${entry.version}`;
    }
  }
  return undefined;
}

function npm(args) {
  const inherited = process.env.npm_execpath;
  const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024 };
  return inherited?.endsWith('.js')
    ? spawnSync(process.execPath, [inherited, ...args], options)
    : spawnSync('npm', args, options);
}

function installPackages() {
  const missing = whatIsNotInstalled();
  if (missing === undefined) return;
  process.stderr.write(`ringfort: installing npm packages (${missing}) ...\n`);
  // Not `npm ci`: it refuses a lockfile that lacks an optional package of another platform, which npm leaves out when the
  // registry it was made with has none. With --no-save, install takes the locked versions and writes no lockfile.
  const result = npm(['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
  if (result.error) fail(`cannot run npm: ${result.error.message}`);
  if (result.status !== 0) {
    fail(`npm install failed with exit code ${result.status}: its output is above`, `${result.stdout}${result.stderr}`);
  }
  const still = whatIsNotInstalled();
  if (still) fail(`npm install ended well, yet ${still}: delete node_modules and start again`);
}

/** A hash of all that the compiled tools depend on: the same hash, nothing to compile. */
function toolsHash() {
  const hash = createHash('sha256');
  const files = readdirSync(join(root, 'tools', 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
  const config = ['tsconfig.base.json', 'tools/tsconfig.json', 'tools/tsconfig.build.json', 'tools/package.json'];
  for (const file of [...files, ...config.map((name) => join(root, name))]) {
    hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function compileTools() {
  const dist = join(root, 'tools', 'dist');
  const stamp = join(root, 'tools', 'dist', '.sources');
  const wanted = toolsHash();
  const main = join(dist, 'main.js');
  if (existsSync(main) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return main;
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', join(root, 'tools', 'tsconfig.build.json')];
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) fail('tools do not compile: see above', `${result.stdout ?? ''}${result.stderr ?? ''}`);
  mkdirSync(dist, { recursive: true });
  writeFileSync(stamp, wanted);
  return main;
}

checkNode();
installPackages();
const main = compileTools();
await import(pathToFileURL(main).href);
