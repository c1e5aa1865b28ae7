// Lets the compiled simulator find the compiled sources of the workspace's packages, and those the npm packages that they use.
import { existsSync, readFileSync } from 'node:fs';
import { register } from 'node:module';
import { join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(fileURLToPath(import.meta.url), '../../../..');
const here = new URL(import.meta.url);
const cache = here.searchParams.get('cache') ?? 'ringfort-sim';
const output = join(root, 'node_modules/.cache', cache);
const scope = '@ringfort/';

/** The source file that an import of a workspace package means, as its package.json names it. */
function sourceOf(specifier) {
  const [name, ...rest] = specifier.slice(scope.length).split('/');
  const folder = join(root, 'packages', name);
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) return undefined;
  const entry = JSON.parse(readFileSync(manifest, 'utf8')).exports[rest.length === 0 ? '.' : `./${rest.join('/')}`];
  return entry?.['ringfort-source'] && join('packages', name, entry['ringfort-source'].replace(/\.ts$/, '.js'));
}

export async function resolve(specifier, context, next) {
  if (specifier.startsWith(scope)) {
    const source = sourceOf(specifier);
    if (source !== undefined) return { url: pathToFileURL(join(output, source)).href, shortCircuit: true };
  }
  const { parentURL } = context;
  if (!/^[.]|:/.test(specifier) && parentURL?.startsWith(pathToFileURL(output + sep).href)) {
    const place = join(root, relative(output, fileURLToPath(parentURL)));
    return next(specifier, { ...context, parentURL: pathToFileURL(place).href });
  }
  return next(specifier, context);
}

const mutant = process.env.RINGFORT_SIM_MUTANT && JSON.parse(process.env.RINGFORT_SIM_MUTANT);

/** Plants the bug that the mutation test asks for. */
export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!mutant || url !== pathToFileURL(join(output, mutant.file)).href) return loaded;
  const source = String(loaded.source);
  if (!source.includes(mutant.find)) throw new Error(`${mutant.file} has no such place: ${mutant.find}`);
  return { ...loaded, source: source.replace(mutant.find, () => mutant.replace) };
}

// Loaded twice: by --import, where it registers itself, and then as the hooks.
if (!here.searchParams.has('hooks'))
  register(`${pathToFileURL(fileURLToPath(import.meta.url))}?cache=${cache}&hooks=1`);
