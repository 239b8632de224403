// Chance that can be had again: all of a test's comes from one printed seed. GUANXI_FAULT_SEED=<seed> repeats it.

export class Random {
  private state: number;

  constructor(readonly seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 up to but not including 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.between(0, from.length - 1)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  }

  /** Another source, independent of how often this one is asked afterwards. */
  fork(): Random {
    return new Random(this.between(0, 2 ** 32 - 1));
  }
}

export function seedOfRun(): number {
  const wanted = process.env["GUANXI_FAULT_SEED"];
  return wanted === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(wanted);
}
