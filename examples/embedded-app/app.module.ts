import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CountonceModule, loadConfig } from 'countonce';
import { DocumentController } from './document.controller.js';
import { Document } from './document.entity.js';
import { Metering } from './metering.js';

/**
 * An application with a data source and routes of its own, and Countonce inside: its workers run
 * in this process, its HTTP API stays off.
 */
@Module({})
export class AppModule {
  static on(databaseUrl: string): DynamicModule {
    return {
      module: AppModule,
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: databaseUrl,
          entities: [Document],
          synchronize: true,
        }),
        TypeOrmModule.forFeature([Document]),
        CountonceModule.forRootAsync({
          useFactory: () => ({ databaseUrl, config: loadConfig({ ROLE: 'all' }) }),
        }),
      ],
      controllers: [DocumentController],
      providers: [Metering],
    };
  }
}
