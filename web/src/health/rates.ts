/** How fast something counts up, from looks at it that come when they come. */

interface Look {
  readonly at: number;
  readonly value: number;
}

/** A rate over the last `window` seconds of looks. */
export class Rate {
  private looks: Look[] = [];

  constructor(private readonly window = 3) {}

  /** `value` was read at `at` (s). A value below the one before begins anew, as another run does. */
  look(value: number, at: number): void {
    const last = this.looks.at(-1);
    if (last && value < last.value) this.looks = [];
    this.looks.push({ at, value });
    while (this.looks.length > 2 && this.looks[1]!.at <= at - this.window) this.looks.shift();
  }

  /** Per second; null while there are not two looks. */
  get perSecond(): number | null {
    const first = this.looks[0];
    const last = this.looks.at(-1);
    if (!first || !last || last.at - first.at < 0.2) return null;
    return (last.value - first.value) / (last.at - first.at);
  }
}
