import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeclaredAnswers } from '../../fuzz/checks/declared-answers.js';
import { operationsOf, type OpenApi } from '../../fuzz/generate/operations.js';
import { RECIPES } from '../access/route-recipes.js';
import type { Answer } from '../support/app.js';
import { openAnsweredScene, type AnsweredScene } from './answered-scene.js';
import { OTHERWISE } from './asked-otherwise.js';
import { SeenMembers } from './seen-members.js';

const document = JSON.parse(
  readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'),
) as OpenApi;

/** Every route: what reads comes after what changes, and what deletes last. */
const ORDER = ['PUT', 'POST', 'GET', 'DELETE'];
const OPERATIONS = operationsOf(document).toSorted(
  (a, b) => ORDER.indexOf(a.method) - ORDER.indexOf(b.method),
);
/** The recipes ask with too small a key; this one may. */
const OWN: Readonly<Record<string, number>> = {
  'GET /v1/approvals/{id}': 200,
  'POST /v1/approvals/{id}/decisions': 200,
};
const PUBLIC: Readonly<Record<string, string>> = {
  'GET /health/live': '/health/live',
  'GET /health/ready': '/health/ready',
  'GET /metrics': '/metrics',
};

/** What nothing sets that is asked for here. */
const UNSEEN: ReadonlySet<string> = new Set([
  'AmendmentAnswer.created_at',
  'ApprovalAnswer.used_at',
  'ApprovalAnswer.used_by',
  'BillingSourceAnswer.effective_from',
  'GuardedRequestAnswer.hidden_members',
  'LaneDifferenceAnswer.identifier',
  'LaneInvoiceAnswer.difference',
  'LaneInvoiceAnswer.invoices',
  'LaneInvoiceAnswer.quantity',
  'ReadyAnswer.pushes',
  'RepairStepAnswer.why',
  'StripeAccountAnswer.stripe_account',
  'ToldPushAnswer.reason',
]);

let scene: AnsweredScene;
let declared: DeclaredAnswers;
const seen = new SeenMembers(document);
beforeAll(async () => {
  scene = await openAnsweredScene();
  declared = new DeclaredAnswers(document);
}, 120_000);
afterAll(() => scene[Symbol.asyncDispose]());

async function ask(name: string): Promise<Answer> {
  if (name === 'POST /v1/webhooks/stripe') return scene.webhook('/v1/webhooks/stripe');
  const [method, pattern] = name.split(' ') as [string, string];
  const recipe = RECIPES[name];
  const path = recipe?.path(scene.things) ?? PUBLIC[name] ?? pattern;
  return scene.ask(method, path, recipe?.body?.(scene.things), recipe?.type);
}

/** What is wrong with an answer by the document. */
function faults(name: string, { status, headers, text }: Answer): string[] {
  const type = headers.get('content-type');
  const answer = { status, headers: type === null ? {} : { 'content-type': type }, text };
  if (/[/+]json$/.test(type?.split(';')[0] ?? '')) seen.note(name, status, JSON.parse(text));
  return declared.check(name, answer);
}

describe('an answer', () => {
  it.each(OTHERWISE)('is as described: $name as $path', async ({ name, path, body, type }) => {
    const filled = path.replaceAll(
      /\{(\w+)\}/g,
      (_, key: keyof typeof scene.things) => scene.things[key],
    );
    const answer = await scene.ask(name.split(' ')[0]!, filled, body, type);
    expect(`${answer.status} ${answer.text}`).toMatch(/^(?:2|422 \{"accepted")/);
    expect(faults(name, answer)).toEqual([]);
  });

  it.each(OPERATIONS)('is as described: $name', async ({ name }) => {
    const answer = await ask(name);
    const expected = OWN[name] ?? RECIPES[name]?.own ?? (name.includes('{tenant_id}') ? 400 : 200);
    expect(`${answer.status} ${answer.text}`).toMatch(new RegExp(`^${expected} `));
    expect(faults(name, answer)).toEqual([]);
  });

  it('was seen with each of its members set, and each of its lists filled', () => {
    expect(seen.never().filter((member) => !UNSEEN.has(member))).toEqual([]);
  });
});

describe('an answer that is not as described', () => {
  const NAME = 'GET /v1/pushes/{identifier}';

  async function faultsWith(change: (push: any) => unknown): Promise<string[]> {
    const answer = await ask(NAME);
    const push = JSON.parse(answer.text) as unknown;
    return faults(NAME, { ...answer, text: JSON.stringify(change(push)) });
  }

  it('is found out beside one that is', async () => {
    expect(await faultsWith((push) => push)).toEqual([]);
  });

  it.each<[string, (push: any) => unknown]>([
    ['lacks a member', (push) => ({ ...push, value: undefined })],
    ['has another', (push) => ({ ...push, extra: 1 })],
    ['has a number for a text', (push) => ({ ...push, meter: 1 })],
    ['has a number for a decimal', (push) => ({ ...push, value: 1.5 })],
    ['has a decimal that is not canonical', (push) => ({ ...push, value: '1.50' })],
    ['has null where there is none', (push) => ({ ...push, identifier: null })],
    ['has a word of no list', (push) => ({ ...push, status: 'lost' })],
    ['has a day for an instant', (push) => ({ ...push, period_start: '2025-10-01' })],
    [
      'has another in a member',
      (push) => ({ ...push, transitions: [{ ...push.transitions[0], extra: 1 }] }),
    ],
    ['is a list', (push) => [push]],
  ])('is found out where it %s', async (_, change) => {
    expect(await faultsWith(change)).toHaveLength(1);
  });

  it('is found out where nothing is said of its body', async () => {
    const { '/v1/pushes/{identifier}': path, ...paths } = document.paths;
    const silent = {
      get: { ...path!['get']!, responses: { 200: { content: { 'application/json': {} } } } },
    };
    const rules = new DeclaredAnswers({
      ...document,
      paths: { ...paths, '/v1/pushes/{identifier}': silent },
    });
    const { status, text } = await ask(NAME);
    const answer = { status, text, headers: { 'content-type': 'application/json' } };
    expect(rules.check(NAME, answer)).toEqual(['nothing is said of the body of 200']);
  });
});
