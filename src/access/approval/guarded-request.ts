import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { CommandKey } from '../../idempotency/command-key.js';
import { requestHash } from '../../idempotency/command-key.js';
import { Problem } from '../../problem/problem.js';
import type { Principal } from '../caller.js';
import type { RequestIdentity } from './approval.store.js';
import type { ApprovalRule } from './can-need-approval.js';
import type { GuardedCommand } from './guarded-command.js';

/** A request under four eyes: what it is known again by, and what may be shown of it. */
export interface GuardedRequest {
  readonly caller: Principal;
  readonly command: GuardedCommand;
  readonly route: string;
  readonly hash: Buffer;
  readonly idempotencyKey: string;
  /** As JSON. */
  readonly parameters: string;
  readonly query: string;
  readonly body: string | null;
  /** Names of members that the body has and that may be secret, as JSON. */
  readonly hiddenMembers: string;
}

/** Of what is kept: as much as a person reads, and a key may leave with us many times. */
const BYTES_MAX = 32_768;

/** @throws Problem `approval_not_possible` where nobody could read what is to be approved. */
export function guardedRequest(
  caller: Principal,
  { method, routeOptions, params, query, body }: FastifyRequest,
  { command, shownMembers }: ApprovalRule,
  idempotencyKey: string | undefined,
): GuardedRequest {
  if (body instanceof Readable) {
    throw new Problem('approval_not_possible', `${command} needs approvals: send no stream`);
  }
  const members = Object.entries(isObject(body) ? body : {});
  const isShown = (name: string): boolean => shownMembers?.includes(name) ?? true;
  const shown =
    shownMembers === undefined
      ? body
      : Object.fromEntries(members.filter(([name]) => isShown(name)));
  const request = {
    parameters: JSON.stringify(params ?? {}),
    query: JSON.stringify(query ?? {}),
    body: body === undefined ? null : JSON.stringify(shown),
    hiddenMembers: JSON.stringify(members.map(([name]) => name).filter((name) => !isShown(name))),
  };
  if (Buffer.byteLength(Object.values(request).join('')) > BYTES_MAX) {
    const detail = `${command} needs approvals: send at most ${BYTES_MAX} bytes`;
    throw new Problem('approval_not_possible', detail);
  }
  return {
    caller,
    command,
    route: `${method} ${routeOptions.url ?? ''}`,
    hash: requestHash(params, query, body),
    idempotencyKey: idempotencyKey ?? '',
    ...request,
  };
}

export function identityOf(request: GuardedRequest, keyLine: string): RequestIdentity {
  const { caller, route, hash, idempotencyKey } = request;
  return { tenantId: caller.tenantId, keyLine, route, hash, idempotencyKey };
}

/** What the same is known by as a command, where it was sent under a key. */
export function commandKeyOf(request: GuardedRequest): CommandKey | undefined {
  const { caller, route, hash, idempotencyKey } = request;
  if (idempotencyKey === '') return undefined;
  return { tenantId: caller.tenantId, route, key: idempotencyKey, hash };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
