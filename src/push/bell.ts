/** Wakes all that wait for something to happen, whatever it was: they look for themselves. */
export class Bell {
  private waiting: (() => void)[] = [];

  rung(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  ring(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const wake of waiting) wake();
  }
}
