import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Scope } from './scope.js';

/** An API key of a tenant. Only its SHA-256 is kept. */
@Entity('api_key')
export class ApiKey {
  @PrimaryColumn({ name: 'tenant_id', type: 'uuid' })
  readonly tenantId!: string;

  /** The public part: what lists and revocations name. */
  @PrimaryColumn({ name: 'key_id', type: 'text' })
  readonly keyId!: string;

  @Column({ name: 'name', type: 'text' })
  readonly name!: string;

  /** SHA-256 of the whole key. */
  @Column({ name: 'key_hash', type: 'bytea', select: false })
  readonly keyHash!: Buffer;

  @Column({ name: 'scopes', type: 'text', array: true })
  readonly scopes!: Scope[];

  @Column({ name: 'created_at', type: 'timestamptz' })
  readonly createdAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  readonly expiresAt!: Date | null;

  /** To the minute; written some seconds later. */
  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  readonly lastUsedAt!: Date | null;

  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true })
  readonly revokedAt!: Date | null;

  /** The key that a rotation made in its place. */
  @Column({ name: 'replaced_by', type: 'text', nullable: true })
  readonly replacedBy!: string | null;
}
