import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../src/commands/demo/random.js';
import { checkHistory } from './checks/check-history.js';
import { checkLedger } from './checks/check-ledger.js';
import type { Check } from './checks/check.js';
import { loadHistory } from './checks/load-history.js';
import { CrashPlan } from './crash-plan.js';
import { History } from './history.js';
import type { ProofOptions } from './options.js';
import { noTally, ProofClient } from './proof-client.js';
import type { ProofResult } from './report.js';
import { Rig } from './rig.js';
import { setScene } from './scenery.js';
import { StoryClock } from './story-clock.js';
import { Traffic } from './traffic.js';

const CLIENTS = 5;

export async function runProof(
  options: ProofOptions,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<ProofResult> {
  const startedAt = performance.now();
  await using rig = await Rig.build(options, signal);
  tell('PostgreSQL and the simulator are there');
  const history = new History(join(rig.folder, 'history.ndjson'));
  const clock = new StoryClock();
  const random = new Random(options.seed + 1);
  const tally = noTally();
  await rig.startProduct(signal);
  tell('the product is there');
  const clientOf = (name: string, tenant: 'first' | 'second'): ProofClient => {
    const key = tenant === 'first' ? rig.apiKey : rig.secondApiKey;
    const own = new Random(random.below(2 ** 31));
    return new ProofClient(name, tenant, rig.doors, key, history, tally, own, signal);
  };
  await setScene(
    clientOf('operator', 'first'),
    clientOf('operator 2', 'second'),
    rig.stripe,
    clock,
  );
  if (options.variant !== undefined) await rig.startVariant(options.variant, signal);
  tell('under load and faults');
  const clients = Array.from({ length: CLIENTS }, (_, n) => clientOf(`client-${n + 1}`, 'first'));
  const traffic = new Traffic(history, clock, signal);
  traffic.start(clients, clientOf('quiet', 'second'), options.seed);
  const crashes = new CrashPlan(rig, history, new Random(options.seed + 2), signal);
  crashes.start();
  const until = performance.now() + options.seconds * 1_000;
  while (performance.now() < until || crashes.total < options.crashes) {
    await sleep(100, undefined, { signal });
  }
  tell(`${crashes.total} crashes; faults end, what is unknown is sent again`);
  await crashes.stop();
  await traffic.stop();
  await rig.untilReady(signal);
  tell('the history is checked');
  await history.close();
  const admin = await rig.postgres.connect();
  const checks: Check[] = [];
  try {
    await loadHistory(admin, history.file);
    checks.push(...(await checkHistory(admin)), ...(await checkLedger(admin)));
  } finally {
    await admin.end();
  }
  tell('the end');
  const seconds = (performance.now() - startedAt) / 1_000;
  return { options, tally, crashes: crashes.counts, checks, seconds };
}
