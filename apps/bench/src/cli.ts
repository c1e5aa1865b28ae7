import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { converge } from './converge/converge.ts';
import { parseConvergeOptions } from './converge/options.ts';
import { convergeText } from './converge/report.ts';
import { parseRunOptions, type RunOptions } from './options.ts';
import { profiled, profileReport } from './profile.ts';
import { type Progress, progressOn } from './progress.ts';
import { reportJson, reportText } from './report.ts';
import { type RunResult, run } from './run.ts';
import { starters } from './targets/index.ts';

export interface CliContext {
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

const EXAMPLES = `
Examples:
  Ringfort against JetStream KV, pure puts and gets by 64 clients, in turns:
    $ bench run --target ringfort,jetstream-kv --workload put,get --clients 64 --durability interval
  YCSB workload A at a steady 500 operations/s, latency from when each should have begun:
    $ bench run --target ringfort --workload a --rate 500 --seconds 30 --rounds 1
  All targets, three YCSB workloads, as JSON:
    $ bench run --target ringfort,jetstream-kv,etcd --workload a,b,f --json > result.json
  Where the time of a node and of the client goes:
    $ bench profile --workload put --dir-prof ./profiles

How to read it:
  Each target runs on this machine, in its own processes, with data replicated three times. Targets take turns within a round; what is
  printed are medians over the rounds, and ratios of rounds next to each other. Compare ratios, not absolute figures.
  CPU us/op: of this client, and of all server processes together. p99.9 is what a patient user notices.
  Nothing is printed when an operation failed or a read returned what it must not.`;

const CONVERGE_HELP = `
Examples:
  The curve (a million keys take some minutes and 3 GB on disk):
    $ bench converge
  What clients notice of it: compare p99.9 with that of the first row, where nothing differs
    $ bench converge --keys 1000000 --diverging 0,1 --rate 200

How to read it:
  seconds            from the readiness of all nodes until every two replicas are known to be equal; they are compared every 5 s
  bytes on the wire  all that was handed to nats-server, gossip and the nodes' start included
  times theirs       these, by the bytes of the objects that one node lacked
  ready after        a restart with so many keys, until the slowest node serves`;

/** The command line. Exit codes: 0 a result was printed; 1 there is none; 2 an option is wrong; 130 interrupted. */
export function createCli(context: CliContext): Command {
  const program = new Command('bench')
    .description('YCSB workloads against Ringfort, JetStream KV and etcd, side by side on one machine.')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(bench --help shows examples)');
  addRunOptions(program.command('run'))
    .description('measure')
    .requiredOption(
      '--target <names>',
      'ringfort, jetstream-kv, etcd; several separated by commas, the first is compared to the others',
    )
    .option('--rounds <n>', 'rounds in which the targets take turns (default: 3)')
    .option('--cpu-prof <dir>', 'servers that run on node write CPU profiles there')
    .option('--json', 'print JSON instead of tables')
    .addHelpText('after', EXAMPLES)
    .action(async (flags) => {
      const options = parseRunOptions(flags);
      const result = await measured(withProfileDir(options), context);
      context.out.write(`${options.json ? reportJson(result, options) : reportText(result, options)}\n`);
    });
  addRunOptions(program.command('profile'))
    .description(
      'run one round against ringfort, then tell which functions of the nodes and of the client used most time',
    )
    .option('--dir-prof <dir>', 'where the .cpuprofile files go (open them in a browser, too)', 'profiles')
    .option('--top <n>', 'functions to show per process', '25')
    .addHelpText('after', EXAMPLES)
    .action(async ({ dirProf, top, ...flags }: Record<string, string>) => {
      const dir = resolve(dirProf!);
      await mkdir(dir, { recursive: true });
      const options = parseRunOptions({ ...flags, target: 'ringfort', rounds: 1, cpuProf: dir });
      const result = await profiled(join(dir, 'client.cpuprofile'), () => measured(options, context));
      context.out.write(`${reportText(result, options)}\n${await profileReport(dir, Number(top))}\n`);
    });
  addConverge(program, context);
  return program;
}

function addConverge(program: Command, { out, err, signal }: CliContext): void {
  program
    .command('converge')
    .description('what anti-entropy costs: one replica of three lacks a share of the writes until all are equal')
    .option('--keys <numbers>', 'keys that every node holds; several separated by commas', '1000,10000,100000,1000000')
    .option('--diverging <percents>', 'share of them that one node is behind with', '0,0.1,1,10')
    .option('--value-bytes <n>', 'bytes of a value (default: 200)')
    .option('--rate <n>', 'gets and puts per second meanwhile, whose latency is told (default: 0)')
    .option('--timeout <seconds>', 'that one exchange may take (default: 300)')
    .option('--dir <dir>', 'where the nodes keep their files meanwhile (default: the temporary folder)')
    .option('--json', 'print JSON instead of a table')
    .addHelpText('after', CONVERGE_HELP)
    .action(async (flags) => {
      const options = parseConvergeOptions(flags);
      const rows = await converge(options, { progress: progressOn(err), signal });
      out.write(options.json ? `${JSON.stringify({ options, rows }, null, 2)}\n` : convergeText(rows, options));
    });
}

function addRunOptions(command: Command): Command {
  return command
    .option('--workload <names>', 'a, b, c, d, f (YCSB), put, get; several separated by commas', 'a')
    .option('--clients <n>', 'closed loop: operations under way at any time (default: 64)')
    .option('--rate <n>', 'open loop: operations begun per second')
    .option('--seconds <n>', 'measured time per target and round (default: 5)')
    .option('--warmup <n>', 'seconds before it, in which JIT compilers and caches warm (default: 3)')
    .option('--records <n>', 'keys (default: 10000)')
    .option('--value-bytes <n>', "bytes of a value: YCSB's record of 10 fields of 100 B (default: 1000)")
    .option('--nodes <n>', 'server processes per target, at least 3 (default: 3)')
    .option('--durability <mode>', 'of ringfort: fsync (before each answer) or interval (default: fsync)')
    .option(
      '--dw <n>',
      "of ringfort: replicas that have a put on disk before it is answered (default: 2 with fsync, 0 with interval; a node's own default with interval is 1)",
    )
    .option('--distribution <name>', "zipfian, uniform or latest instead of the workload's own")
    .option('--seed <n>', 'of the operations (default: 1)')
    .option('--dir <dir>', 'where the servers keep their files meanwhile (default: the temporary folder)');
}

function withProfileDir(options: RunOptions): RunOptions {
  return options.cpuProf === undefined ? options : { ...options, cpuProf: resolve(options.cpuProf) };
}

function measured(options: RunOptions, { err, signal }: CliContext): Promise<RunResult> {
  const progress: Progress = progressOn(err);
  return run(options, { starters, progress, signal });
}
