// What tests of topics wait for: something that holds after one of the reports to come.

/** How long they wait, in milliseconds. */
const PATIENCE = 20_000;

/** Reports, and those that wait for what they bring. */
export class Changes {
  #waiting: (() => void)[] = [];

  /** Something was reported. */
  happened(): void {
    const woken = this.#waiting;
    this.#waiting = [];
    for (const wake of woken) wake();
  }

  /**
   * Waits until something holds, and looks whenever something was reported.
   *
   * @param holds What is waited for.
   * @param what Its name, for the error.
   * @param found What the error says of the state instead.
   */
  async until(holds: () => boolean, what: string, found: () => unknown): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.happened();
    }, PATIENCE);
    while (!holds()) {
      if (late) throw new Error(`Waited in vain: ${what}; ${JSON.stringify(found())}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    clearTimeout(timer);
  }
}
