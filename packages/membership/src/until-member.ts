import { type Clock, systemClock } from '@ringfort/bus';
import { JoinTimeoutError, NotAMemberError } from './errors.ts';
import type { Membership } from './port.ts';

/**
 * Resolves once the node is a member.
 * @param timeoutMs how long to wait.
 * @throws JoinTimeoutError; NotAMemberError when the node was refused or closed (its `details.reason` tells why).
 */
export function untilMember(membership: Membership, timeoutMs: number, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clock.clearTimeout(timer);
      subscription.unsubscribe();
      settle();
    };
    const look = () => {
      const { state, reason, self: node } = membership;
      if (state === 'member') end(resolve);
      else if (state !== 'joining') end(() => reject(new NotAMemberError({ node, state, reason })));
    };
    const giveUp = () => {
      const { state, reason, self: node } = membership;
      end(() => reject(new JoinTimeoutError({ node, timeoutMs, state, reason })));
    };
    const timer = clock.setTimeout(giveUp, timeoutMs);
    const subscription = membership.on(look);
    look();
  });
}
