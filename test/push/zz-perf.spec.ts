import { it } from 'vitest';
import { PushScene } from './push-scene.js';
it('perf', async () => {
  await using scene = await PushScene.open({ STRIPE_CALLS_PER_SECOND: '10000' });
  await scene.meter();
  await scene.stripeMeter();
  await scene.now('2026-12-01T00:30:00Z');
  const N = 2000;
  await scene.db.work.query(`INSERT INTO customer (tenant_id, customer_no, customer_id, stripe_customer_id) OVERRIDING SYSTEM VALUE SELECT $1, n, 'c' || n, 'cus_' || n FROM generate_series(1, ${N}) n`, [scene.tenantId]);
  await scene.db.work.query(`INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end, backfilled) SELECT $1, n, 1, '2026-11-01Z', '2026-12-01Z', false FROM generate_series(1, ${N}) n`, [scene.tenantId]);
  await scene.db.work.query(`INSERT INTO usage_total SELECT $1, n, 1, '2026-11-01Z', '2026-11-01Z', 0, true, b, '[]', 1,1,1,1,b, gen_random_uuid(), 0 FROM generate_series(1, ${N}) n, generate_series('2026-11-01Z'::timestamptz, '2026-11-02Z', '15 min') b`, [scene.tenantId]);
  await scene.db.work.query('ANALYZE');
  const p = scene.process();
  const measure = async (what: string, work: () => Promise<number>) => {
    let t = performance.now(); let n = 0; let k: number;
    while ((k = await work()) > 0 && performance.now() - t < 20000) n += k;
    const s = (performance.now() - t) / 1000;
    console.log(what, n, s.toFixed(1), (n / s).toFixed(0) + '/s');
  };
  await p.interval.planNow(scene.tenantId);
  await measure('plan', () => p.planner.plan(scene.tenantId));
  await p.interval.planNow(scene.tenantId);
  await measure('replan', () => p.planner.plan(scene.tenantId));
  await measure('send', () => p.sender.send(scene.tenantId));
  await scene.db.work.query('ANALYZE');
  await p.interval.planNow(scene.tenantId);
  await measure('replan', () => p.planner.plan(scene.tenantId));
  await measure('send', () => p.sender.send(scene.tenantId));
}, 200000);
