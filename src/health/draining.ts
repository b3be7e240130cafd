import { Injectable } from '@nestjs/common';

/** Whether this process is on its way out and should get no more work. */
@Injectable()
export class Draining {
  private is = false;

  begin(): void {
    this.is = true;
  }

  get isDraining(): boolean {
    return this.is;
  }
}
