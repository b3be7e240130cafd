import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A table of the application's own, in a schema of its own. */
@Entity({ schema: 'app' })
export class Document {
  @PrimaryGeneratedColumn('uuid')
  documentId!: string;

  @Column({ type: 'text' })
  owner!: string;

  @Column({ type: 'text' })
  text!: string;
}
