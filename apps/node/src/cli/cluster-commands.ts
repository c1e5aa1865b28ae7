import type { ClusterChange } from '@ringfort/membership';
import type { Command } from 'commander';
import type { PlanOptions } from './cluster.ts';
import type { ChangeOptions } from './cluster-changes.ts';
import { endpointOptions } from './endpoint.ts';
import type { CommandIo } from './io.ts';

/** What is done with changes that a command line names. */
type Act = (changes: readonly ClusterChange[], options: PlanOptions & ChangeOptions) => Promise<void>;

/** `ringfort cluster ...` */
export function addCluster(program: Command, io: CommandIo, end: (code: number) => void): void {
  const cluster = program.command('cluster').description('Change the cluster while it runs.').helpCommand(false);
  cluster.addHelpText(
    'after',
    `
Examples:
  ringfort cluster plan add n6 --weight 2 --zone b     only shows what it would do
  ringfort cluster add n6 --weight 2 --zone b          shows it, asks, and does it
  ringfort cluster leave n2 --yes
  ringfort cluster status --watch
  ringfort cluster abort`,
  );
  addPlan(cluster, io, end);
  addChanges(cluster, io, ['-y, --yes', 'do not ask'], async (changes, options) =>
    end(await (await import('./cluster-changes.ts')).change(changes, options, io)),
  );
  endpointOptions(cluster.command('commit [file]'), io)
    .description('Carry out a plan that `cluster plan ... --json` printed (standard input by default).')
    .addHelpText(
      'after',
      '\nExample:\n  ringfort cluster plan leave n2 --json > plan.json && ringfort cluster commit plan.json',
    )
    .action(async (file, options) => end(await (await import('./cluster-changes.ts')).commit(file, options, io)));
  endpointOptions(cluster.command('abort'), io)
    .description('Take back what is under way, but for nodes that were declared dead.')
    .option('--all', 'name all partitions that move')
    .option('-y, --yes', 'do not ask')
    .action(async (options) => end(await (await import('./cluster-changes.ts')).abort(options, io)));
  endpointOptions(cluster.command('status'), io)
    .description('How far the cluster is with what was committed: slots that are yet to change hands.')
    .option('-w, --watch [seconds]', 'again and again, until all have')
    .action(async (options) => end(await (await import('./cluster-changes.ts')).moves(options, io)));
}

function addPlan(cluster: Command, io: CommandIo, end: (code: number) => void): void {
  const plan = cluster
    .command('plan')
    .description('Show what a change would do: what moves from where to where, and the balance. Nothing is changed.')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Examples:
  ringfort cluster plan add n6 --weight 2 --zone b
  ringfort cluster plan replace n2 n6
  ringfort cluster plan changes '[{"type":"add","node":"n6"},{"type":"leave","node":"n2"}]'`,
    );
  addChanges(plan, io, undefined, async (changes, options) =>
    end(await (await import('./cluster.ts')).plan(changes, options, io)),
  );
}

/** A command for each kind of change. */
function addChanges(
  parent: Command,
  io: CommandIo,
  more: readonly [flags: string, about: string] | undefined,
  act: Act,
): void {
  const add = (usage: string, about: string) => {
    const command = endpointOptions(parent.command(usage), io).description(about);
    command.option('--all', 'name all partitions that move');
    return more === undefined ? command : command.option(...more);
  };
  add('add <node>', 'A node that runs already, and is no member yet, becomes one.')
    .option('-w, --weight <weight>', 'its part of the load (as the node is configured)')
    .option('-z, --zone <zone>', 'where it stands (as the node is configured)')
    .action(async (node, { weight, zone, ...options }) => {
      const { weightOf } = await import('./cluster.ts');
      const given = {
        ...(weight === undefined ? {} : { weight: weightOf(weight) }),
        ...(zone === undefined ? {} : { zone }),
      };
      await act([{ type: 'add', node, ...given }], options);
    });
  for (const [type, about] of [
    ['leave', 'It hands everything over to the others, then it may be stopped.'],
    ['stay', 'It does not leave after all.'],
    ['remove', 'It is dead, and its disk is lost.'],
  ] as const) {
    add(`${type} <node>`, about).action((node, options) => act([{ type, node }], options));
  }
  add('replace <old> <new>', 'The old node is dead; the new one takes exactly its place.').action((node, by, options) =>
    act([{ type: 'replace', node, by }], options),
  );
  add('reweight <node> <weight>', 'Change its part of the load.').action(async (node, weight, options) =>
    act([{ type: 'reweight', node, weight: (await import('./cluster.ts')).weightOf(weight) }], options),
  );
  add('rezone <node> <zone>', 'It stands elsewhere.').action((node, zone, options) =>
    act([{ type: 'rezone', node, zone }], options),
  );
  add('changes <json>', 'Several at once: a JSON list, as POST /v1/cluster/plan takes it.').action(
    async (json, options) => act((await import('./cluster.ts')).changesFrom(json), options),
  );
}
