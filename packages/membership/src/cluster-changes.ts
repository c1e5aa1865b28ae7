import type { Bus } from '@ringfort/bus';
import { emptyHistory, extendHistory, type History, type MembershipRecord } from '@ringfort/ring';
import type { RingVersion } from '@ringfort/ring/contract';
import { InvalidChangesError, NodeUnheardError, NothingToAbortError, PlanStaleError } from './change-errors.ts';
import { type ClusterChange, type ClusterPlan, clusterChangesSchema } from './changes.ts';
import { nextLamport, sameVersion } from './history-core.ts';
import type { HistoryKeeper } from './history-keeper.ts';
import { askIdentity } from './identity.ts';
import { changesBack, movesUnderWay, planChanges, recordsOfChanges } from './plan-core.ts';

export interface ClusterChangesOptions {
  readonly bus: Bus;
  readonly self: string;
  readonly keeper: HistoryKeeper;
  readonly askTimeoutMs: number;
  readonly isUp: (node: string) => boolean;
  /** @throws NotAMemberError */
  readonly mustBeMember: () => void;
  /** Tells a record to all that are up. */
  readonly tell: (record: MembershipRecord) => Promise<void>;
}

/** Plans changes of the cluster, and writes those that were planned. */
export class ClusterChanges {
  readonly #options: ClusterChangesOptions;

  constructor(options: ClusterChangesOptions) {
    this.#options = options;
  }

  /**
   * What the changes would do. Nodes that are to come are asked who they are; one that does not answer is planned with what is given.
   * @throws ChangeRefusedError
   */
  async plan(asked: readonly ClusterChange[]): Promise<ClusterPlan> {
    const { self, keeper, isUp, mustBeMember } = this.#options;
    mustBeMember();
    const changes = await this.#completed(checked(asked));
    const plan = planChanges(folded(keeper), changes, self);
    const warnings = [...plan.warnings];
    for (const change of changes) {
      if (change.type === 'remove' && isUp(change.node))
        warnings.push(
          `node ${change.node} answers: it loses its data by being removed. Have it leave, or stop it first.`,
        );
      const unheard = unheardOf(change);
      if (unheard !== undefined) warnings.push(new NodeUnheardError({ node: unheard }).message);
    }
    return { ...plan, warnings };
  }

  /**
   * Writes the records of a plan, all or none.
   * @returns the version of the history with them
   * @throws PlanStaleError, NodeUnheardError, ChangeRefusedError, HistoryFullError, HistoryNotPersistedError, HistoryBusyError
   */
  async commit({ basedOn, changes }: Pick<ClusterPlan, 'basedOn' | 'changes'>): Promise<RingVersion> {
    const { self, keeper, tell, mustBeMember } = this.#options;
    mustBeMember();
    const known = await this.#completed(checked(changes));
    const unheard = known.map(unheardOf).find((node) => node !== undefined);
    if (unheard !== undefined) throw new NodeUnheardError({ node: unheard });
    const records = await keeper.authorAll((history) => {
      const { version } = history;
      if (!sameVersion(version, basedOn)) throw new PlanStaleError({ basedOn, version });
      return recordsOfChanges(folded(keeper), known, self, nextLamport(history)).records;
    });
    const { version } = keeper.history;
    await Promise.all(records.map(tell));
    return version;
  }

  /** Takes back what is under way. @throws NothingToAbortError, and what {@link commit} throws */
  async abort(): Promise<ClusterPlan> {
    this.#options.mustBeMember();
    const history = folded(this.#options.keeper);
    const changes = changesBack(history);
    if (changes.length === 0) throw new NothingToAbortError({ moves: movesUnderWay(history) });
    const plan = planChanges(history, changes, this.#options.self);
    await this.commit(plan);
    return plan;
  }

  /** With the store, weight and zone of nodes that are to come, where these are not given and the node answers. */
  #completed(changes: readonly ClusterChange[]): Promise<ClusterChange[]> {
    return Promise.all(
      changes.map(async (change) => {
        const newcomer = change.type === 'add' ? change.node : change.type === 'replace' ? change.by : undefined;
        if (newcomer === undefined || unheardOf(change) === undefined) return change;
        const heard = await askIdentity(this.#options.bus, newcomer, this.#options.askTimeoutMs);
        if (heard === undefined) return change;
        const { store, weight, zone } = heard;
        return change.type === 'add' ? { weight, zone, ...change, store } : { ...change, store };
      }),
    );
  }
}

/** The node that is to come and whose store is not known. */
function unheardOf(change: ClusterChange): string | undefined {
  if (change.type === 'add' && change.store === undefined) return change.node;
  return change.type === 'replace' && change.store === undefined ? change.by : undefined;
}

function folded(keeper: HistoryKeeper): History {
  return extendHistory(emptyHistory, keeper.history.records.values());
}

function checked(changes: readonly ClusterChange[]): readonly ClusterChange[] {
  const parsed = clusterChangesSchema.safeParse(changes);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new InvalidChangesError({ problem: `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim() });
}
