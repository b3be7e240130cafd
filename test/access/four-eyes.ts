import { randomUUID } from 'node:crypto';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { SCOPES, type Scope } from '../../src/access/scope.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { call, type Answer, type TestApp } from '../support/app.js';

/** A key of a tenant, and how requests are sent with it. */
export interface Person {
  readonly keyId: string;
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<Answer>;
}

/** A tenant with two people in it, one of whom asks and one of whom approves. */
export interface FourEyes {
  readonly tenantId: string;
  readonly asker: Person;
  readonly approver: Person;
  newKey(scopes?: readonly Scope[]): Promise<Person>;
  personOf(keyText: string): Person;
  /** Approves whatever an answer says is to be approved. */
  approve(answer: Answer): Promise<void>;
  /** What a statement finds, or does, by the tenant's id. */
  rows<Row extends object>(sql: string): Promise<Row[]>;
}

export async function fourEyes(test: TestApp, commands: readonly string[]): Promise<FourEyes> {
  const tenantId = await test.app.get(TenantService).create(randomUUID());
  const personOf = (text: string, keyId = text.slice(3, 13)): Person => ({
    keyId,
    call: (...request) => call(test.url, text, ...request),
  });
  const newKey = async (scopes: readonly Scope[] = SCOPES): Promise<Person> => {
    const { text } = await test.app.get(ApiKeyService).create(tenantId, 'a person', scopes);
    return personOf(text);
  };
  const [asker, approver] = [await newKey(), await newKey()];
  const set = await asker.call('PUT', '/v1/approval-policy', { commands });
  if (set.status !== 200) throw new Error(set.text);
  return {
    tenantId,
    asker,
    approver,
    newKey,
    personOf,
    async approve({ status, body, text }) {
      if (status !== 409 || body.code !== 'approval_required') throw new Error(text);
      const decided = await decide(approver, body.approval_id as string);
      if (decided.status !== 200) throw new Error(decided.text);
    },
    async rows<Row extends object>(sql: string) {
      return (await test.pool.query<Row>(sql, [tenantId])).rows;
    },
  };
}

export function decide(
  by: Person,
  approvalId: string,
  decision: 'approve' | 'refuse' = 'approve',
): Promise<Answer> {
  const path = `/v1/approvals/${approvalId}/decisions`;
  return by.call('POST', path, { decision, reason: 'looked at it' });
}

/** What an answer was refused by, or its status. */
export function outcome({ status, body }: Answer): string | number {
  return (body as { code?: string } | undefined)?.code ?? status;
}
