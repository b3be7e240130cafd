/**
 * What must not be wrong by a hair, and the tests that are to notice where it is. Only those are run
 * for a fault: all of them would take days. The tests of a group that is pure need no database.
 *
 * @typedef {{ readonly mutate: readonly string[], readonly tests: readonly string[], readonly isPure?: boolean }} Group
 * @type {Readonly<Record<string, Group>>}
 */
export const GROUPS = {
  arithmetic: {
    mutate: [
      'src/domain/{billing-period,item-period,known-item,period-source,place-usage}.ts',
      'src/domain/{instant,usage-match,usage-window}.ts',
      'src/domain/{decimal,decimal-arithmetic,split-decimal,value-rule}.ts',
      'src/domain/{event-key,fingerprint,length-prefixed,entry-digest,push-identifier}.ts',
    ],
    // What those files do not stand in need not be run for every fault in a constant.
    tests: ['test/domain/!(json|ndjson|strict-json|text)*.spec.ts'],
    isPure: true,
  },
  rules: {
    mutate: [
      'src/outbox/{free-minutes,lane-id,push-window,push-status}.ts',
      'src/push/{push-kind,push-obstacle,push-plan,push-reading}.ts',
      'src/periods/amendment-parts.ts',
    ],
    tests: [
      'test/outbox/*.spec.ts',
      'test/push/{push-obstacle,push-plan,reading-verdict,total-plan}.spec.ts',
      'test/periods/amendment-parts.spec.ts',
    ],
    isPure: true,
  },
  dedupe: {
    mutate: [
      'src/ledger/{judge,recording-transaction,recording-queue,entry.store,registry.store}.ts',
      'src/ledger/{open-periods,usage-placer}.ts',
    ],
    tests: [
      'test/ledger/*.spec.ts',
      'test/corrections/void.spec.ts',
      'test/races/{carried-periods,parallel-posts}.spec.ts',
    ],
  },
  close: {
    mutate: [
      'src/periods/{period-closer,period-close.store,period-close.service,item-closer}.ts',
      'src/periods/{amendment-sealer,amendment.store,sealing-plan,sealing.store}.ts',
      'src/periods/{carry-over,carry-over.store,following-periods}.ts',
      'src/periods/{close-rehearsal,close-rehearsal.store}.ts',
      'src/ledger/{period.store,close-request.store}.ts',
    ],
    tests: [
      'test/periods/{amendment-sealer,carry-over,closing,close-rehearsal,close-request,item-source}.spec.ts',
      'test/periods/{close-sets,own-clock,period-close-service,sealing-plan}.spec.ts',
      'test/corrections/{void,carried-amendment,carried-late,lost-and-doubled}.spec.ts',
      'test/races/carried-periods.spec.ts',
    ],
  },
  push: {
    mutate: [
      'src/push/{owed-hours,period-facts,period-plan,push-planner,told-kinds,told-values}.ts',
      'src/push/{push-claimer,push-lane,push-sender,push-settlement,push-settler}.ts',
      'src/push/{push-due.store,push-order.store,push-reader,reading-settlement,used-timestamps}.ts',
    ],
    tests: [
      'test/push/{broken-claim,push-drain,push-hold,push-outcome,push-planner,push-reading}.spec.ts',
      'test/push/{push-sender,push-sender-groups,push-settlement,push-total,pushed-values}.spec.ts',
      'test/push/{push-lane,push-live-again,push-remap,push-ways,push-claimer}.spec.ts',
      'test/push/{plan-and-answer,plan-meanwhile,plan-withdrawals,push-sender-reports}.spec.ts',
      'test/push/{crowded-minutes,period-facts,push-reader,push-settler,push-shadow}.spec.ts',
      'test/push/reading-settlement.spec.ts',
      'test/periods/flush.spec.ts',
    ],
  },
};

/** Of this run, by the variable MUTATE. */
export function chosenGroup() {
  const name = process.env['MUTATE'] ?? 'arithmetic';
  const group = GROUPS[name];
  if (group !== undefined) return { name, ...group };
  throw new Error(`MUTATE is ${name}; it is one of ${Object.keys(GROUPS).join(', ')}`);
}
