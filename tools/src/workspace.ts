import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ToolError } from './errors.ts';

const dependencyTable = z.record(z.string(), z.string()).default({});

/** The part of a package.json that the tools read. */
const manifestSchema = z.object({
  name: z.string(),
  version: z.string().default('0.0.0'),
  private: z.boolean().default(false),
  exports: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())])).default({}),
  bin: z.record(z.string(), z.string()).default({}),
  scripts: z.record(z.string(), z.string()).default({}),
  dependencies: dependencyTable,
  devDependencies: dependencyTable,
  peerDependencies: dependencyTable,
  optionalDependencies: dependencyTable,
  nx: z.object({ tags: z.array(z.string()).default([]) }).default({ tags: [] }),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** `support` stands beside the floors (testkit, nats-server), `tools` outside them. */
export type Floor = number | 'support' | 'tools';

export interface Project {
  readonly name: string;
  /** Folder, relative to the workspace, with `/`. */
  readonly dir: string;
  readonly floor: Floor;
  readonly manifest: Manifest;
}

/** Reads and checks one package.json. */
export function readManifest(file: string): Manifest {
  try {
    return manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new ToolError('BAD_MANIFEST', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Every project of the workspace: the folders of packages/ and apps/ that have a package.json, and tools. */
export function readProjects(root: string): Project[] {
  const inside = (parent: string) =>
    existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => `${parent}/${name}`) : [];
  return [...inside('packages'), ...inside('apps'), 'tools']
    .filter((dir) => existsSync(join(root, dir, 'package.json')))
    .sort()
    .map((dir) => {
      const manifest = readManifest(join(root, dir, 'package.json'));
      return { name: manifest.name, dir, floor: floorOf(manifest, dir), manifest };
    });
}

function floorOf(manifest: Manifest, dir: string): Floor {
  const tag = manifest.nx.tags.find((name) => name.startsWith('floor:'))?.slice('floor:'.length);
  if (tag === 'support' || tag === 'tools') return tag;
  if (tag !== undefined && /^\d+$/.test(tag)) return Number(tag);
  throw new ToolError('NO_FLOOR', `${dir}/package.json: nx.tags needs floor:<number>, floor:support or floor:tools`);
}
