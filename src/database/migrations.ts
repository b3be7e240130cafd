import { CreateTenants1795200000001 } from '../../migrations/1795200000001-create-tenants.js';
import { CreateMetersAndCustomers1795200000002 } from '../../migrations/1795200000002-create-meters-and-customers.js';
import { CreateLedger1795200000003 } from '../../migrations/1795200000003-create-ledger.js';
import { CreateBillingPeriods1795200000004 } from '../../migrations/1795200000004-create-billing-periods.js';
import { CreatePushes1795200000005 } from '../../migrations/1795200000005-create-pushes.js';
import { CreateStripeEvents1795200000006 } from '../../migrations/1795200000006-create-stripe-events.js';
import { CreateItemPeriods1795200000007 } from '../../migrations/1795200000007-create-item-periods.js';
import { CreateReconciliations1795200000008 } from '../../migrations/1795200000008-create-reconciliations.js';
import { CreateCorrections1795200000009 } from '../../migrations/1795200000009-create-corrections.js';
import { CreateQuarantine1795200000010 } from '../../migrations/1795200000010-create-quarantine.js';
import { CreateCommandAnswers1795200000011 } from '../../migrations/1795200000011-create-command-answers.js';
import { CreateAudit1795200000012 } from '../../migrations/1795200000012-create-audit.js';
import { CreateReplays1795200000013 } from '../../migrations/1795200000013-create-replays.js';
import { Erasures1795200000014 } from '../../migrations/1795200000014-erasures.js';
import { CreateApprovals1795200000015 } from '../../migrations/1795200000015-create-approvals.js';
import { UsageMonths1795200000016 } from '../../migrations/1795200000016-usage-months.js';
import { UsageStorage1795200000017 } from '../../migrations/1795200000017-usage-storage.js';
import { Retention1795200000018 } from '../../migrations/1795200000018-retention.js';
import { CreateRoles1795200000090 } from '../../migrations/1795200000090-create-roles.js';

/** All there are, in the order in which they run. */
export const MIGRATIONS = [
  CreateTenants1795200000001,
  CreateMetersAndCustomers1795200000002,
  CreateLedger1795200000003,
  CreateBillingPeriods1795200000004,
  CreatePushes1795200000005,
  CreateStripeEvents1795200000006,
  CreateItemPeriods1795200000007,
  CreateReconciliations1795200000008,
  CreateCorrections1795200000009,
  CreateQuarantine1795200000010,
  CreateCommandAnswers1795200000011,
  CreateAudit1795200000012,
  CreateReplays1795200000013,
  Erasures1795200000014,
  CreateApprovals1795200000015,
  UsageMonths1795200000016,
  UsageStorage1795200000017,
  Retention1795200000018,
  CreateRoles1795200000090,
] as const;
