import { decode, encode } from 'cborg'
import type { LogStore, StoreChange, StoredLog, StoredRecord } from '../../src/node/catalog/port.ts'
import { comparePositions, type Position } from '../../src/protocols/record/position.ts'

interface Generation {
  records: Map<string, StoredRecord>
  current: Map<string, StoredRecord>
}

interface Contents {
  logs: Map<string, Uint8Array>
  generations: Map<string, Generation>
  facts: Map<string, Uint8Array>
  orphans: Map<string, { position: Position; bytes: Uint8Array }>
}

export interface MemoryStoreOptions {
  /** Awaited before a commit takes effect: what a disk takes. Default: nothing. */
  latency?: () => Promise<void>
  random?: () => number
}

const CHUNK = 100

/**
 * The catalog's store in memory, with what a disk does in a crash: a commit under way has happened or not, what was
 * staged since the last commit may be gone, and nothing that the old process still had in hand reaches the new one.
 */
export class MemoryStore implements LogStore {
  #contents: Contents
  readonly #latency: () => Promise<void>
  readonly #random: () => number
  #dead = false
  #underway: (() => void)[] = []
  #unsynced: { generation: string; position: string }[] = []

  constructor(options: MemoryStoreOptions = {}, contents?: Contents) {
    this.#contents = contents ?? { logs: new Map(), generations: new Map(), facts: new Map(), orphans: new Map() }
    this.#latency = options.latency ?? (async () => {})
    this.#random = options.random ?? Math.random
  }

  /** The machine goes down: this object answers no more; the new one has what the disk has. */
  crash(): MemoryStore {
    this.#dead = true
    const kept = Math.floor(this.#random() * (this.#underway.length + 1))
    for (const apply of this.#underway.splice(0).slice(0, kept)) apply()
    if (kept === 0) {
      const survivors = Math.floor(this.#random() * (this.#unsynced.length + 1))
      for (const { generation, position } of this.#unsynced.slice(survivors)) this.#erase(generation, position)
    }
    return new MemoryStore({ latency: this.#latency, random: this.#random }, this.#contents)
  }

  #erase(name: string, position: string): void {
    const generation = this.#contents.generations.get(name)
    const record = generation?.records.get(position)
    if (generation === undefined || record === undefined) return
    generation.records.delete(position)
    if (generation.current.get(nameOf(record)) === record) generation.current.delete(nameOf(record))
  }

  /** A backup: a store with the durable contents of now. */
  backup(): MemoryStore {
    const { logs, generations, facts, orphans } = this.#contents
    const copy = new Map(
      [...generations].map(([k, g]) => [k, { records: new Map(g.records), current: new Map(g.current) }]),
    )
    const contents = { logs: new Map(logs), generations: copy, facts: new Map(facts), orphans: new Map(orphans) }
    return new MemoryStore({ latency: this.#latency, random: this.#random }, contents)
  }

  /** Counts of what is kept, to see that nothing is left over. */
  sizes(): { logs: number; generations: number; facts: number; orphans: number } {
    const { logs, generations, facts, orphans } = this.#contents
    const used = [...generations.values()].filter((g) => g.records.size > 0).length
    return { logs: logs.size, generations: used, facts: facts.size, orphans: orphans.size }
  }

  async #alive(): Promise<void> {
    if (this.#dead) await new Promise(() => {})
  }

  #generation(log: string, generation: number): Generation {
    const name = `${log} ${generation}`
    let found = this.#contents.generations.get(name)
    if (found === undefined) {
      found = { records: new Map(), current: new Map() }
      this.#contents.generations.set(name, found)
    }
    return found
  }

  #put(log: string, generation: number, record: StoredRecord): void {
    const { kind, id, epoch, seq, bytes } = record
    const stored: StoredRecord = {
      kind,
      id,
      epoch,
      seq,
      bytes,
      ...(record.withdrawn === true ? { withdrawn: true } : {}),
    }
    const { records, current } = this.#generation(log, generation)
    records.set(positionName(record), stored)
    current.set(nameOf(record), stored)
  }

  #apply(change: StoreChange): void {
    const { logs, facts, orphans } = this.#contents
    switch (change.type) {
      case 'log':
        logs.set(change.log, encode(change.value))
        break
      case 'no-log':
        logs.delete(change.log)
        break
      case 'put':
        this.#put(change.log, change.generation, change.record)
        break
      case 'remove': {
        const generation = this.#generation(change.log, change.generation)
        generation.records.delete(positionName(change.position))
        if (change.forget !== undefined) generation.current.delete(nameOf(change.forget))
        break
      }
      case 'fact':
        facts.set(change.hash, change.bytes)
        break
      case 'no-fact':
        facts.delete(change.hash)
        break
      case 'orphan':
        orphans.set(`${change.log} ${positionName(change.position)}`, {
          position: change.position,
          bytes: change.bytes,
        })
        break
      case 'no-orphan':
        orphans.delete(`${change.log} ${positionName(change.position)}`)
    }
  }

  async *logs(): AsyncGenerator<[string, StoredLog]> {
    await this.#alive()
    for (const [log, value] of [...this.#contents.logs]) yield [log, decode(value) as StoredLog]
  }

  async commit(changes: StoreChange[]): Promise<void> {
    await this.#alive()
    const apply = () => {
      for (const change of changes) this.#apply(change)
      this.#unsynced = []
    }
    this.#underway.push(apply)
    await this.#latency()
    await this.#alive()
    this.#underway = this.#underway.filter((a) => a !== apply)
    apply()
  }

  async stage(log: string, generation: number, records: StoredRecord[]): Promise<void> {
    await this.#alive()
    for (const record of records) {
      this.#put(log, generation, record)
      this.#unsynced.push({ generation: `${log} ${generation}`, position: positionName(record) })
    }
  }

  async discard(log: string, keep: number | null): Promise<void> {
    await this.#alive()
    for (const name of [...this.#contents.generations.keys()]) {
      if (name.startsWith(`${log} `) && name !== `${log} ${keep}`) this.#contents.generations.delete(name)
    }
  }

  async sweep(keep: ReadonlyMap<string, number>): Promise<void> {
    await this.#alive()
    const names = new Set([...keep].map(([log, generation]) => `${log} ${generation}`))
    for (const name of [...this.#contents.generations.keys()])
      if (!names.has(name)) this.#contents.generations.delete(name)
  }

  async current(
    log: string,
    generation: number,
    names: { kind: string; id: string }[],
  ): Promise<(Uint8Array | undefined)[]> {
    await this.#alive()
    const found = this.#contents.generations.get(`${log} ${generation}`)
    return names.map((name) => found?.current.get(nameOf(name))?.bytes)
  }

  async at(log: string, generation: number, position: Position): Promise<Uint8Array | undefined> {
    await this.#alive()
    return this.#contents.generations.get(`${log} ${generation}`)?.records.get(positionName(position))?.bytes
  }

  range(log: string, generation: number, after: Position | null): AsyncIterable<Uint8Array[]> {
    const records = [...(this.#contents.generations.get(`${log} ${generation}`)?.records.values() ?? [])]
    const wanted = records.filter((r) => comparePositions(r, after) > 0).sort(comparePositions)
    return this.#chunks(wanted)
  }

  ofKind(log: string, generation: number, kind: string): AsyncIterable<Uint8Array[]> {
    return this.#chunks(this.#currentSorted(log, generation).filter((r) => r.kind === kind && r.withdrawn !== true))
  }

  withdrawals(log: string, generation: number): AsyncIterable<Uint8Array[]> {
    return this.#chunks(this.#currentSorted(log, generation).filter((r) => r.withdrawn === true))
  }

  #currentSorted(log: string, generation: number): StoredRecord[] {
    const current = [...(this.#contents.generations.get(`${log} ${generation}`)?.current.values() ?? [])]
    return current.sort((a, b) => Buffer.compare(Buffer.from(nameOf(a)), Buffer.from(nameOf(b))))
  }

  async *#chunks(records: StoredRecord[]): AsyncGenerator<Uint8Array[]> {
    for (let i = 0; i < records.length; i += CHUNK) {
      await this.#alive()
      yield records.slice(i, i + CHUNK).map((r) => r.bytes)
    }
  }

  async *facts(): AsyncGenerator<[string, Uint8Array]> {
    await this.#alive()
    yield* [...this.#contents.facts]
  }

  async *orphans(log?: string): AsyncGenerator<Uint8Array> {
    await this.#alive()
    const wanted = [...this.#contents.orphans].filter(([name]) => log === undefined || name.startsWith(`${log} `))
    for (const [, { bytes }] of wanted.sort(([, a], [, b]) => comparePositions(a.position, b.position))) yield bytes
  }
}

function positionName({ epoch, seq }: Position): string {
  return `${epoch}/${seq}`
}

function nameOf({ kind, id }: { kind: string; id: string }): string {
  return `${kind}\0${id}`
}
