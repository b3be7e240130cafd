/** A transaction's `query`, said here since `Connections` itself is made of this. */
type Query = <Row extends object>(sql: string, parameters?: readonly unknown[]) => Promise<Row[]>;

/** How this looks to work that asks for a transaction. */
export interface TransactionView {
  readonly isTransaction: true;
  query: Query;
}

/**
 * One open transaction in the place of connections that commit each alone: a statement that fails
 * undoes itself, a transaction inside is undone as a whole, and what is asked for at once is done one
 * after the other.
 */
export class OuterTransaction {
  private last: Promise<unknown> = Promise.resolve();
  private isEnded = false;

  /** @param around Runs the work of an inner transaction, so that what it asks for goes there. */
  constructor(
    private readonly tx: { query: Query },
    private readonly around: <T>(inner: OuterTransaction, work: () => Promise<T>) => Promise<T>,
  ) {}

  query<Row extends object>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.afterOthers(() => this.undone(() => this.tx.query<Row>(sql, parameters)));
  }

  transaction<T>(work: (tx: TransactionView) => Promise<T>): Promise<T> {
    const view: TransactionView = {
      isTransaction: true,
      query: (sql, parameters) => this.tx.query(sql, parameters),
    };
    const inner = new OuterTransaction(this.tx, this.around);
    return this.afterOthers(() => this.undone(() => this.around(inner, () => work(view))));
  }

  /** Commits or rolls back by `work`, after all that was asked for before; nothing comes after it. */
  end<T>(work: () => Promise<T>): Promise<T> {
    return this.afterOthers(() => {
      this.isEnded = true;
      return work();
    });
  }

  private afterOthers<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(() => {
      // The connection is somebody else's by now.
      if (this.isEnded) throw new Error('the transaction has ended');
      return work();
    });
    this.last = mine.catch(() => undefined);
    return mine;
  }

  /** A savepoint of the same name hides the one around it until it is released. */
  private async undone<T>(work: () => Promise<T>): Promise<T> {
    await this.tx.query('SAVEPOINT step');
    try {
      const result = await work();
      await this.tx.query('RELEASE SAVEPOINT step');
      return result;
    } catch (error) {
      // Where this fails the connection is gone, and with it the whole transaction.
      await this.tx
        .query('ROLLBACK TO SAVEPOINT step; RELEASE SAVEPOINT step')
        .catch(() => undefined);
      throw error;
    }
  }
}
