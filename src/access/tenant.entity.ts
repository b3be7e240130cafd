import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The tenant that is there from the start; the variables of the environment are about it alone. */
export const DEFAULT_TENANT = 'default';

/** A company that runs meters; every row and key belongs to one. */
@Entity('tenant')
export class Tenant {
  @PrimaryColumn({ name: 'tenant_id', type: 'uuid' })
  readonly tenantId!: string;

  @Column({ name: 'name', type: 'text' })
  readonly name!: string;

  @Column({ name: 'created_at', type: 'timestamptz' })
  readonly createdAt!: Date;
}
