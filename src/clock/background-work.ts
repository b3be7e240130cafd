import {
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Config } from '../config/config.js';
import { withinTenant } from '../database/tenant-scope.js';
import { Loop, type Turn } from './loop.js';
import { TroublePauses } from './trouble-pauses.js';

const TROUBLE_PAUSE_MAX_MS = 60_000;

/**
 * Work that a process does by itself, round after round, from its start to its end, unless it is
 * there to answer requests alone. Any number of processes may do it on one database.
 */
export abstract class BackgroundWork implements OnApplicationBootstrap, BeforeApplicationShutdown {
  protected readonly logger: Logger;
  private readonly loop: Loop;
  private readonly pauses: TroublePauses;

  /** @param idleMs Between a round that left nothing to do and the next. */
  constructor(
    private readonly process: Pick<Config, 'ROLE'>,
    private readonly name: string,
    private readonly idleMs: number,
  ) {
    this.logger = new Logger(new.target.name);
    this.pauses = new TroublePauses(idleMs * 2, TROUBLE_PAUSE_MAX_MS);
    this.loop = new Loop(name, idleMs, (isStopping) => this.round(isStopping));
  }

  onApplicationBootstrap(): Promise<void> {
    if (this.process.ROLE !== 'api') this.loop.start();
    return Promise.resolve();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Does what is due now, once. */
  abstract round(isStopping: () => boolean): Promise<Turn>;

  /**
   * Does it for one tenant after the other. One whose work fails is left alone for a while, longer
   * each time, and keeps no other waiting.
   *
   * @param part Of work that has several, which one it is: another one may go on.
   */
  protected async forTenants(
    tenantIds: Iterable<string>,
    isStopping: () => boolean,
    work: (tenantId: string) => Promise<unknown>,
    part = '',
  ): Promise<Turn> {
    for (const tenantId of tenantIds) {
      if (isStopping()) break;
      const name = `${tenantId} ${part}`;
      if (this.pauses.isPaused(name)) continue;
      try {
        await withinTenant(tenantId, () => work(tenantId));
        this.pauses.succeeded(name);
      } catch (error) {
        this.pauses.failed(name);
        this.tell(tenantId, error);
      }
    }
    return 'idle';
  }

  protected tell(tenantId: string, error: unknown): void {
    this.logger.error(error, `${this.name} of tenant ${tenantId} failed; it goes on`);
  }
}
