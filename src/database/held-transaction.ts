import type { Connections, Transaction } from './connections.js';

class RolledBack extends Error {}

/** A transaction that whoever opened it ends, instead of the end of a function. */
export class HeldTransaction {
  private constructor(
    readonly tx: Transaction,
    private readonly decide: (toCommit: boolean) => void,
    private readonly ended: Promise<void>,
  ) {}

  static async open(connections: Connections): Promise<HeldTransaction> {
    let decide: (toCommit: boolean) => void = () => undefined;
    const decision = new Promise<boolean>((resolve) => (decide = resolve));
    return new Promise((resolve, reject) => {
      let isBegun = false;
      const ended = connections.transaction(async (tx) => {
        // What was done in it cannot be done again from here.
        if (isBegun) throw new Error('the transaction was rolled back');
        isBegun = true;
        resolve(new HeldTransaction(tx, decide, ended));
        if (!(await decision)) throw new RolledBack();
      });
      ended.catch(reject);
    });
  }

  /** Where this throws, the outcome may be unknown. */
  async commit(): Promise<void> {
    this.decide(true);
    await this.ended;
  }

  async rollback(): Promise<void> {
    this.decide(false);
    await this.ended.catch((error: unknown) => {
      if (!(error instanceof RolledBack)) throw error;
    });
  }
}
