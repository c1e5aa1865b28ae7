import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CommandError } from '../cli/exit.ts';
import { DirectoryNotWritableError } from '../errors.ts';

const clusterFileSchema = z.object({
  /** How many nodes founded the cluster. */
  nodes: z.int().min(1),
  /** Where its own nats-server was found last. */
  natsPort: z.int().min(1).max(65_535).optional(),
});
type ClusterFile = z.infer<typeof clusterFileSchema>;

const runFileSchema = z.object({ pid: z.int().min(1), urls: z.array(z.string()) });

/** The directory of a `ringfort dev`: what outlives a run of it. */
export class DevDirectory {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }

  /** @throws DirectoryNotWritableError */
  create(nodeIds: readonly string[]): void {
    try {
      for (const id of nodeIds) mkdirSync(join(this.path, 'nodes', id), { recursive: true });
      mkdirSync(join(this.path, 'nats'), { recursive: true });
      this.#write('write-probe', '');
      rmSync(join(this.path, 'write-probe'));
    } catch (cause) {
      throw new DirectoryNotWritableError(this.path, cause);
    }
  }

  /** What a former run left; the number of nodes is fixed by it. @throws CommandError `OTHER_CLUSTER` */
  cluster(nodes: number): ClusterFile {
    const file = join(this.path, 'cluster.json');
    if (!existsSync(file)) return { nodes };
    const found = clusterFileSchema.safeParse(parse(readFileSync(file, 'utf8')));
    if (!found.success)
      throw new CommandError('OTHER_CLUSTER', `${file} is damaged: remove it, or choose another directory with --data`);
    if (found.data.nodes === nodes) return found.data;
    throw new CommandError(
      'OTHER_CLUSTER',
      `${this.path} holds a cluster of ${found.data.nodes} nodes: start it with --nodes ${found.data.nodes}, or choose another directory with --data`,
    );
  }

  saveCluster(cluster: ClusterFile): void {
    this.#write('cluster.json', JSON.stringify(cluster, undefined, 2));
  }

  /** @throws CommandError `ALREADY_RUNNING` when another `ringfort dev` runs here */
  async checkFree(): Promise<void> {
    const file = join(this.path, 'run.json');
    if (!existsSync(file)) return;
    const run = runFileSchema.safeParse(parse(readFileSync(file, 'utf8')));
    if (!run.success || !isAlive(run.data.pid)) return;
    // The number may have been given to another process since: only a cluster that answers counts.
    const answers = await Promise.all(run.data.urls.map(answersHealth));
    if (!answers.includes(true)) return;
    throw new CommandError(
      'ALREADY_RUNNING',
      `a cluster already runs in ${this.path} (process ${run.data.pid}): stop it, or choose another directory with --data`,
    );
  }

  markRunning(urls: readonly string[]): void {
    this.#write('run.json', JSON.stringify({ pid: process.pid, urls }));
  }

  markStopped(): void {
    rmSync(join(this.path, 'run.json'), { force: true });
  }

  configFile(id: string): string {
    return join(this.path, 'nodes', id, 'node.json');
  }

  logFile(id: string): string {
    return join(this.path, 'nodes', id, 'node.log');
  }

  get natsLogFile(): string {
    return join(this.path, 'nats', 'nats-server.log');
  }

  writeConfig(id: string, config: object): void {
    this.#write(join('nodes', id, 'node.json'), `${JSON.stringify(config, undefined, 2)}\n`);
  }

  /** Whole or not at all, though the process be killed meanwhile. */
  #write(name: string, text: string): void {
    const file = join(this.path, name);
    const draft = `${file}.new`;
    const handle = openSync(draft, 'w', 0o600);
    try {
      writeSync(handle, text);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(draft, file);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // damaged: the schema says so
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function answersHealth(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(500) })).ok;
  } catch {
    return false;
  }
}
