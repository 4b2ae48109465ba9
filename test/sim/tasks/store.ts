import type { Bucket, BucketChange, RangeOptions, StorePort } from '../../../src/node/store/port.ts'

export interface DiskOptions {
  /** Awaited before a batch takes effect: what a disk takes. */
  latency: () => Promise<void>
  random: () => number
}

/** The store of tasks in memory, with what a disk does in a crash: batches under way have happened, in their order, or not. */
export class SimStore implements Pick<StorePort, 'bucket' | 'batch'> {
  readonly #values: Map<string, string>
  readonly #options: DiskOptions
  #dead = false
  #underway: (() => void)[] = []
  batches = 0
  /** Batches fail with this while it is set. */
  broken: Error | undefined

  constructor(options: DiskOptions, values = new Map<string, string>()) {
    this.#options = options
    this.#values = values
  }

  /** The machine goes down: this object answers no more; the new one has what the disk has. */
  crash(): SimStore {
    this.#dead = true
    const kept = Math.floor(this.#options.random() * (this.#underway.length + 1))
    for (const apply of this.#underway.splice(0).slice(0, kept)) apply()
    return new SimStore(this.#options, this.#values)
  }

  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort()
  }

  async #alive(): Promise<void> {
    if (this.#dead) await new Promise(() => {})
  }

  async batch(changes: BucketChange[]): Promise<void> {
    await this.#alive()
    if (this.broken !== undefined) throw this.broken
    const apply = () => {
      for (const { key, value } of changes) {
        if (value === null) this.#values.delete(key)
        else this.#values.set(key, String(value))
      }
    }
    this.batches++
    this.#underway.push(apply)
    await this.#options.latency()
    await this.#alive()
    // In the order of asking, as the log of a database.
    while (this.#underway.includes(apply)) this.#underway.shift()!()
  }

  bucket(): Bucket {
    const entries = async function* (this: SimStore, options: RangeOptions = {}): AsyncGenerator<[string, string]> {
      await this.#alive()
      const { from = '', below, reverse = false, limit = Number.POSITIVE_INFINITY } = options
      const found = [...this.#values.keys()].filter((k) => k >= from && (below === undefined || k < below)).sort()
      if (reverse) found.reverse()
      for (const key of found.slice(0, limit)) {
        const value = this.#values.get(key)
        if (value !== undefined) yield [key, value]
      }
    }.bind(this)
    const unused = async () => {
      throw new Error('tasks do not use this')
    }
    return {
      get: async (key) => {
        await this.#alive()
        return this.#values.get(key)
      },
      entries,
      put: unused,
      delete: unused,
      getBytes: unused,
      entriesBytes: () => {
        throw new Error('tasks do not use this')
      },
    }
  }
}
