import type { ClusterChange } from '@ringfort/membership';
import type { Command } from 'commander';
import type { PlanOptions } from './cluster.ts';
import { endpointOptions } from './endpoint.ts';
import type { CommandIo } from './io.ts';

/** `ringfort cluster ...` */
export function addCluster(program: Command, io: CommandIo, end: (code: number) => void): void {
  const cluster = program.command('cluster').description('Change the cluster while it runs.').helpCommand(false);
  cluster.addHelpText(
    'after',
    '\nExamples:\n  ringfort cluster plan add n6 --weight 2 --zone b\n  ringfort cluster plan leave n2',
  );
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
  const show = async (changes: readonly ClusterChange[], options: PlanOptions) =>
    end(await (await import('./cluster.ts')).plan(changes, options, io));
  const add = (usage: string, about: string) =>
    endpointOptions(plan.command(usage), io).description(about).option('--all', 'name all partitions that move');

  add('add <node>', 'A node that runs already, and is no member yet, becomes one.')
    .option('-w, --weight <weight>', 'its part of the load (as the node is configured)')
    .option('-z, --zone <zone>', 'where it stands (as the node is configured)')
    .action(async (node, { weight, zone, ...options }) => {
      const { weightOf } = await import('./cluster.ts');
      const given = {
        ...(weight === undefined ? {} : { weight: weightOf(weight) }),
        ...(zone === undefined ? {} : { zone }),
      };
      await show([{ type: 'add', node, ...given }], options);
    });
  for (const [type, about] of [
    ['leave', 'It hands everything over to the others, then it may be stopped.'],
    ['stay', 'It does not leave after all.'],
    ['remove', 'It is dead, and its disk is lost.'],
  ] as const) {
    add(`${type} <node>`, about).action((node, options) => show([{ type, node }], options));
  }
  add('replace <old> <new>', 'The old node is dead; the new one takes exactly its place.').action((node, by, options) =>
    show([{ type: 'replace', node, by }], options),
  );
  add('reweight <node> <weight>', 'Change its part of the load.').action(async (node, weight, options) =>
    show([{ type: 'reweight', node, weight: (await import('./cluster.ts')).weightOf(weight) }], options),
  );
  add('rezone <node> <zone>', 'It stands elsewhere.').action((node, zone, options) =>
    show([{ type: 'rezone', node, zone }], options),
  );
  add('changes <json>', 'Several at once: a JSON list, as POST /v1/cluster/plan takes it.').action(
    async (json, options) => show((await import('./cluster.ts')).changesFrom(json), options),
  );
}
