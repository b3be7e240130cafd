import { SetMetadata } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import type { GuardedCommand } from './guarded-command.js';

const CAN_NEED_APPROVAL = 'countonce:can-need-approval';

interface ApprovalOptions {
  /** Whether a body asks for nothing that changes anything. It was checked by nobody yet. */
  readonly isHarmless?: (body: unknown) => boolean;
  /** The members of the body that may be kept and shown; absent: all. */
  readonly shownMembers?: readonly string[];
}

/** How a route is put under four eyes. */
export interface ApprovalRule extends ApprovalOptions {
  readonly command: GuardedCommand;
}

/** The policy of a tenant may ask for a second key before the route does anything. */
export const CanNeedApproval = (
  command: GuardedCommand,
  options: ApprovalOptions = {},
): MethodDecorator => SetMetadata(CAN_NEED_APPROVAL, { command, ...options });

export function approvalRule(
  reflector: Reflector,
  handler: () => unknown,
): ApprovalRule | undefined {
  return reflector.get<ApprovalRule | undefined>(CAN_NEED_APPROVAL, handler);
}

/** Whether a body asks for a rehearsal. */
export function isDryRun(body: unknown, byDefault = false): boolean {
  return (memberOf(body, 'dry_run') ?? byDefault) === true;
}

/** A member of a body as it was sent; nothing where there is none. */
export function memberOf(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name)
    ? (body as Record<string, unknown>)[name]
    : undefined;
}
