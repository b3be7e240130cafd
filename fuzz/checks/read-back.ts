import type { Door, Answer } from '../send/http-door.js';
import type { Wire } from '../send/wire.js';
import { sortedJson } from './sent-event.js';
import { parseObject } from './check-problem.js';

/** What was made, and where it is read. */
const MADE_BY_POST =
  /^POST (\/v1\/(?:voids|period-closes|replays|reconciliations))(?:\/\{id\}\/(?:reversals|repairs))?$/;
const REGISTERS = /^PUT \/v1\/(?:meters|customers)\/\{\w+\}$/;
/** What may change a meter or a customer beside the one who asks. */
const CHANGES = /^(?:PUT|DELETE) \/v1\/(?:meters|customers)|^POST \/v1\/(?:webhooks|usage)/;
/** Of a meter: what Stripe showed at that moment, with the account of that moment. */
const AT_STRIPE = 'stripe';

/** Whether what was answered as made or changed is there when it is asked for. */
export class ReadBack {
  private readonly changes: [number, number] = [0, 0];
  held = 0;

  /** Before it is sent. */
  begin(tenant: 0 | 1, operation: string): number {
    if (CHANGES.test(operation) && !operation.startsWith('POST /v1/usage')) this.changes[tenant]++;
    return this.changes[tenant];
  }

  async check(
    tenant: 0 | 1,
    operation: string,
    begun: number,
    wire: Wire,
    answer: Answer,
    door: Door,
  ): Promise<string[]> {
    const made = parseObject(answer.text);
    if (answer.status < 200 || answer.status > 299 || made === undefined) return [];
    // The first answer tells of that time.
    if (answer.headers['idempotency-replayed'] !== undefined) return [];
    const isRegister = REGISTERS.test(operation);
    const route = MADE_BY_POST.exec(operation)?.[1];
    const path = isRegister ? wire.path : route && `${route}/${String(made['id'])}`;
    if (path === undefined || (!isRegister && typeof made['id'] !== 'string')) return [];
    const authorization = wire.headers['authorization'];
    const read = await door.send({
      method: 'GET',
      path,
      headers: authorization === undefined ? {} : { authorization },
      body: undefined,
      text: undefined,
    });
    if ('cut' in read || read.status === 403 || read.status === 503) return [];
    if (isRegister && begun !== this.changes[tenant]) return [];
    this.held++;
    if (read.status !== 200) return [`GET ${path} is ${read.status}`];
    const found = parseObject(read.text) ?? {};
    if (!isRegister) return found['id'] === made['id'] ? [] : [`GET ${path} is another`];
    const different = Object.keys(made).filter(
      (name) =>
        name !== AT_STRIPE && sortedJson(made[name] ?? null) !== sortedJson(found[name] ?? null),
    );
    return different.length === 0 ? [] : [`GET ${path} differs in ${different.join(', ')}`];
  }
}
