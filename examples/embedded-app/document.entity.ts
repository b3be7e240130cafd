import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A table of the application's own, beside those of Countonce. */
@Entity()
export class Document {
  @PrimaryColumn({ type: 'uuid' })
  documentId!: string;

  @Column({ type: 'text' })
  owner!: string;

  @Column({ type: 'text' })
  text!: string;
}
