import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from './database.js';

/** Ends the connections when everything that uses them has ended. */
@Injectable()
export class DatabaseLifetime implements OnApplicationShutdown {
  constructor(private readonly db: Database) {}

  onApplicationShutdown(): Promise<void> {
    return this.db.end();
  }
}
