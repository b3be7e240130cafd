import type { ApiKeyService } from '../../src/access/api-key.service.js';
import type { Door } from '../../src/access/authentication.js';
import { FailedTries } from '../../src/access/failed-tries.js';
import { KeyUse } from '../../src/access/key-use.js';
import { RateLimit } from '../../src/access/rate-limit.js';
import { loadConfig } from '../../src/config/config.js';
import type { Database } from '../../src/database/database.js';
import { Metrics } from '../../src/metrics/metrics.js';

/** What stands at the door of an application beside its keys. */
export function doorOf(apiKeys: ApiKeyService, db: Database): Door {
  const metrics = new Metrics();
  return {
    apiKeys,
    failedTries: new FailedTries(metrics),
    keyUse: new KeyUse(db),
    rateLimit: new RateLimit(loadConfig({}), metrics),
  };
}
