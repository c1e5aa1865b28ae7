import { relative } from 'node:path';
import { findNatsServer } from '@ringfort/nats-server';
import { type DevCluster, startEmbedded, startProcesses } from '../dev/cluster.ts';
import { DevDirectory } from '../dev/directory.ts';
import { mainFile } from '../dev/node-process.ts';
import { type DevOptions, parseDevOptions } from '../dev/options.ts';
import { checkPortsFree } from '../dev/preflight.ts';
import type { DevNode, DevReport } from '../dev/report.ts';
import { defaultUrl } from './api.ts';
import { exitCode } from './exit.ts';

/** `ringfort dev`: a cluster on this machine until Ctrl-C; resolves with the exit code when everything has ended. */
export async function dev(given: unknown): Promise<number> {
  const options = parseDevOptions(given);
  const directory = new DevDirectory(options.data);
  const ids = Array.from({ length: options.nodes }, (_, index) => `n${index + 1}`);
  directory.create(ids);
  await directory.checkFree();
  await checkPortsFree(options.httpPort, options.nodes);

  let stopping = false;
  const asked = untilAskedToStop().then((signal) => {
    stopping = true;
    return signal;
  });
  const report = reporter(directory, asked, () => stopping);
  const cluster = await start(options, directory, report).catch((error: unknown) => {
    if (stopping) return undefined;
    throw error;
  });
  if (cluster === undefined) return exitCode.done;
  directory.markRunning(cluster.nodes.map(({ url }) => url));
  tellReady(cluster.nodes);
  const why = await Promise.race([asked, cluster.lost.then((line) => ({ lost: line }))]);
  stopping = true;
  if (typeof why === 'string') tell('stopping');
  else process.stderr.write(`ringfort: ${why.lost}\n`);
  await cluster.stop();
  directory.markStopped();
  return typeof why === 'string' ? exitCode.done : exitCode.failed;
}

async function start(options: DevOptions, directory: DevDirectory, report: DevReport): Promise<DevCluster> {
  if (options.embedded) {
    tell('embedded: all nodes run in this process, on an in-memory bus instead of NATS');
    return startEmbedded(options, directory, report);
  }
  if (options.nats === undefined && (await findNatsServer()) === undefined) {
    tell('no nats-server was found (Debian: apt-get install nats-server; or set RINGFORT_NATS_SERVER to its path):');
    tell('the nodes run embedded, in this one process, on an in-memory bus');
    return startEmbedded(options, directory, report);
  }
  return startProcesses(options, directory, report);
}

function reporter(directory: DevDirectory, stopAsked: Promise<unknown>, isStopping: () => boolean): DevReport {
  return {
    tell,
    stopAsked,
    nodeReady: ({ id, url, pid }: DevNode) => tell(`node ${id} ready, ${url} (pid ${pid})`),
    nodeEnded(id, pid, how) {
      if (isStopping()) return;
      tell(`node ${id} (pid ${pid}) ended (${how}), the rest goes on; bring it back with:`);
      process.stdout.write(`  ${program()} node --config ${pathFromHere(directory.configFile(id))}\n`);
    },
  };
}

function tellReady(nodes: readonly DevNode[]): void {
  const [first] = nodes;
  if (first === undefined) return;
  const other = nodes[Math.floor(nodes.length / 2)] ?? first;
  tell(`${nodes.length} nodes ready, ${first.url}`);
  const url = first.url === defaultUrl ? '' : ` --url ${first.url}`;
  process.stdout.write(
    `Try:
  curl -i -X PUT ${first.url}/v1/buckets/carts/keys/ada -H 'Content-Type: text/plain' --data-binary 'milk'
  curl -i ${other.url}/v1/buckets/carts/keys/ada
  ${program()} status${url}
`,
  );
}

/** How this program is called from where the user stands. */
function program(): string {
  return `node ${pathFromHere(mainFile)}`;
}

function pathFromHere(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}

function tell(line: string): void {
  process.stdout.write(`ringfort: ${line}\n`);
}

/** Resolves with the signal's name. Later ones are ignored: the stop is bounded. */
function untilAskedToStop(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
  });
}
