import type { RingVersion } from '@ringfort/ring/contract';
import { MembershipError } from './errors.ts';

/** A change of the cluster that makes no sense as the cluster is. */
export abstract class ChangeRefusedError extends MembershipError {}

/** The change does not have the form of one. */
export class InvalidChangesError extends ChangeRefusedError {
  readonly code = 'INVALID_CHANGES';
  constructor(details: { problem: string }) {
    super(
      `these changes are not valid: ${details.problem}. Give a list of { type: add | leave | stay | remove | replace | reweight | rezone, node, ... }.`,
      details,
    );
  }
}

export class UnknownNodeError extends ChangeRefusedError {
  readonly code = 'UNKNOWN_NODE';
  constructor(details: { node: string; retired: boolean }) {
    const why = details.retired ? 'is no member any more' : 'is not a member';
    super(`node ${details.node} ${why} of the cluster: ringfort status lists the members.`, details);
  }
}

export class AlreadyMemberError extends ChangeRefusedError {
  readonly code = 'ALREADY_MEMBER';
  constructor(details: { node: string }) {
    super(
      `node ${details.node} is a member already: to change it, use reweight or rezone; to take back that it leaves, stay.`,
      details,
    );
  }
}

/** Records written under a retired id could be mistaken for those of the node that had it. */
export class RetiredIdError extends ChangeRefusedError {
  readonly code = 'RETIRED_ID';
  constructor(details: { node: string }) {
    super(
      `the id ${details.node} was removed, replaced or left before, and does not come back: start the node with another id and an empty data directory.`,
      details,
    );
  }
}

export class LastNodeError extends ChangeRefusedError {
  readonly code = 'LAST_NODE';
  constructor(details: { node: string }) {
    super(`node ${details.node} is the last one that stays: add another node first.`, details);
  }
}

export class RemovesItselfError extends ChangeRefusedError {
  readonly code = 'REMOVES_ITSELF';
  constructor(details: { node: string }) {
    super(
      `node ${details.node} cannot declare itself dead: ask another node, or have it leave with its data handed over.`,
      details,
    );
  }
}

export class NothingChangesError extends ChangeRefusedError {
  readonly code = 'NOTHING_CHANGES';
  constructor(details: { node: string; change: string }) {
    super(`"${details.change}" of node ${details.node} changes nothing: it is so already.`, details);
  }
}

/** The history has moved on since the plan was made: what it showed need not be what would happen. */
export class PlanStaleError extends MembershipError {
  readonly code = 'PLAN_STALE';
  constructor(details: { basedOn: RingVersion; version: RingVersion }) {
    super(
      `the plan was made for ring ${details.basedOn.digest} (${details.basedOn.size} records), but it is ${details.version.digest} ` +
        `(${details.version.size} records) by now: plan again.`,
      details,
    );
  }
}

/** Nothing is under way that could be taken back. */
export class NothingToAbortError extends MembershipError {
  readonly code = 'NOTHING_TO_ABORT';
  constructor(details: { moves: number }) {
    super(
      details.moves === 0
        ? 'no change is under way: every slot is where it should be.'
        : `${details.moves} slots are under way only because a node was declared dead, which cannot be taken back.`,
      details,
    );
  }
}

/** A node that is to be added must run, so that it can say which store it has. */
export class NodeUnheardError extends MembershipError {
  readonly code = 'NODE_UNHEARD';
  constructor(details: { node: string }) {
    super(
      `node ${details.node} does not answer, and its store is not known: start it with the cluster's id, its NATS servers and members as seeds, and plan again.`,
      details,
    );
  }
}
