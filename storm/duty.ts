/** What one process does in its turns. */
export type Duty = 'push' | 'fold' | 'close' | 'read' | 'inbox' | 'reconcile';
