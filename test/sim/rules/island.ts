import { pino } from 'pino'
import type { CatalogChange, CatalogPort } from '../../../src/node/catalog/port.ts'
import type { PromisesPort } from '../../../src/node/promises/port.ts'
import { promises } from '../../../src/node/promises/promises.ts'
import type { HeldBy } from '../../../src/node/resolve/port.ts'
import type { RulesPort } from '../../../src/node/rules/port.ts'
import { rules } from '../../../src/node/rules/rules.ts'
import type { Bucket } from '../../../src/node/store/port.ts'
import { datasetBody, replicaRecordId } from '../../../src/protocols/model/dataset.ts'
import { ArchipelError } from '../../../src/protocols/model/errors.ts'
import type { Card } from '../../../src/protocols/model/island.ts'
import type { PromiseRequest } from '../../../src/protocols/promise/messages.ts'
import type { SignedRecord } from '../../../src/protocols/record/envelope.ts'
import { CLAIM_MS, type Entry, LOST_MS, NOTICED_MS, type RuleSim } from './world.ts'

interface Version {
  publisher: string
  id: string
  version: string
}

const silent = pino({ level: 'silent' })
const NEVER = new AbortController().signal
const keyOf = ({ publisher, id, version }: Version) => `${publisher} ${id} ${version}`
/** Milliseconds: least and most until a transfer is set up, and until its bytes are here. */
const SET_UP_MS = [100, 2_000] as const
const BYTES_MS = [500, 15_000] as const
const AGAIN_MS = 5_000
const CONNECTED_MS = 300

/** An island of which rules and promises are real: on a disk that outlives its process. */
export class RuleIsland {
  readonly id: string
  readonly card: Card
  readonly quota: number
  readonly #sim: RuleSim
  /** What outlives the process: how far each log is known, copies that are whole, those that come, promises. */
  readonly #seen = new Map<string, number>()
  readonly #whole = new Map<string, Version>()
  readonly #coming = new Map<string, Version>()
  readonly #promised = new Map<string, string>()
  #process = { alive: false }
  #current = new Map<string, Entry>()
  #claimed = new Map<string, string>()
  #listeners: ((changes: CatalogChange[]) => void)[] = []
  #startedAt = 0
  rules: RulesPort | undefined
  promises: PromisesPort | undefined
  /** When each other island was heard last, by this process. */
  heard = new Map<string, number>()
  /** Gone for good, with its disk. */
  lost = false
  /** Whether copies are told before they are set up; off to show what that is for. */
  claims = true

  constructor(sim: RuleSim, init: { id: string; card: Card; quota: number }) {
    this.#sim = sim
    this.id = init.id
    this.card = init.card
    this.quota = init.quota
  }

  get isUp(): boolean {
    return this.#process.alive
  }

  /** How much of a log it knows. */
  seen(origin: string): number {
    return this.#seen.get(origin) ?? 0
  }

  has(publisher: string, id: string, version: string): boolean {
    return this.#whole.has(keyOf({ publisher, id, version }))
  }

  async start(): Promise<void> {
    const sim = this.#sim
    const process = { alive: true }
    this.#process = process
    this.#startedAt = sim.now
    this.heard = new Map()
    this.#claimed = new Map()
    this.#listeners = []
    this.#current = new Map()
    for (const [origin, seen] of this.#seen) for (const entry of sim.logs.get(origin)!.slice(0, seen)) this.#note(entry)
    const desk = promises(
      { self: this.id },
      {
        store: this.#bucket(),
        holds: async ({ publisher, dataset, version }) => {
          await this.#disk(process)
          return this.has(publisher, dataset, version)
        },
        ask: (island, request) => this.#ask(process, island, request),
        unmet: (copy, stay) => this.rules!.unmet(copy, stay),
        nameOf: (island) => island,
        now: () => sim.now,
        logger: silent,
      },
    )
    this.promises = desk
    await desk.start()
    const made = this.#rules(process)
    this.rules = made
    await made.start()
    for (const version of this.#coming.values()) void this.#fetch(process, version)
    // Also of what was claimed before a crash, as islands do.
    for (const { origin, kind, body } of [...this.#current.values()])
      if (origin === this.id && kind === 'replica') {
        const { publisher, dataset } = body as { publisher: string; dataset: string }
        this.#tell(publisher, dataset)
      }
    made.resume()
    // As islands do whenever they are connected, which takes a moment.
    for (const other of sim.islands.keys())
      sim.scheduler.after(CONNECTED_MS + sim.latency(), () => {
        if (other !== this.id && sim.reaches(this.id, other)) this.pullFrom(other)
      })
  }

  #rules(process: { alive: boolean }): RulesPort {
    const sim = this.#sim
    return rules(
      { self: this.id, claimMs: CLAIM_MS, lostMs: LOST_MS },
      {
        catalog: this.#catalog(),
        members: () => [...sim.islands.keys()],
        card: (island) => sim.islands.get(island)?.card,
        nameOf: (island) => island,
        islandNamed: (text) => text,
        silentMs: (island) => {
          const silent = sim.now - (this.heard.get(island) ?? this.#startedAt)
          return island === this.id || silent < 2_500 ? 0 : silent
        },
        holders: (publisher, dataset) => this.holders(publisher, dataset),
        claim: async (versions) => {
          if (!this.claims || !process.alive) return
          for (const { publisher, id, version } of versions) {
            this.#claimed.set(replicaRecordId(publisher, id), version)
            this.#tell(publisher, id)
          }
        },
        unclaim: async ({ publisher, id }) => {
          if (process.alive && this.#claimed.delete(replicaRecordId(publisher, id))) this.#tell(publisher, id)
        },
        bring: (version) => this.#bring(process, version),
        paused: () => false,
        policy: { check() {} },
        journal: { write() {} } as never,
        newId: () => `rule-${++sim.lastRule}`,
        now: () => sim.now,
        after: (ms, fn) =>
          sim.scheduler.after(ms, () => {
            if (process.alive) fn()
          }),
        logger: silent,
      },
    )
  }

  /** Power is cut. */
  crash(): void {
    this.#process.alive = false
    void this.rules?.stop()
  }

  publish(id: string, version: string): void {
    const publisher = this.id
    for (const [key, held] of this.#whole) if (held.publisher === publisher && held.id === id) this.#whole.delete(key)
    this.#whole.set(keyOf({ publisher, id, version }), { publisher, id, version })
    this.#sim.newest.set(`${publisher} ${id}`, { publisher, id, version })
    const at = new Date(this.#sim.now).toISOString()
    const body = datasetBody.parse({
      ...{ name: id, title: id, keywords: [], creators: [], created: at, modified: at },
      ...{ version, size: 1, files: 1, format: 'files', aliases: [] },
    })
    this.#append('dataset', id, body)
    this.#tell(publisher, id)
  }

  /** As `archipel get`, of the newest version that is known. @throws as a get */
  async get(): Promise<void> {
    const known = [...this.#current.values()].filter(({ kind, origin }) => kind === 'dataset' && origin !== this.id)
    if (known.length === 0) return
    const { origin, id, body } = this.#sim.random.pick(known)
    await this.#bring(this.#process, { publisher: origin, id, version: (body as Version).version })
  }

  /** As `archipel drop`: with the promises of those that are said to hold it. @throws as a drop */
  async drop({ publisher, id, version }: Version): Promise<void> {
    const process = this.#process
    await this.rules!.settled()
    const holders = this.holders(publisher, id)
      .filter((h) => h.island !== this.id && h.state === 'available' && h.version === version)
      .map((h) => h.island)
    await this.promises!.drop(
      { publisher, dataset: id, version },
      { holders, force: false, signal: NEVER },
      async () => {
        await this.#disk(process)
        this.#whole.delete(keyOf({ publisher, id, version }))
        this.#sim.drops.push({
          island: this.id,
          dataset: `${publisher} ${id}`,
          version,
          left: this.#sim.onDisks(publisher, id, version),
          newest: this.#sim.newest.get(`${publisher} ${id}`)?.version === version,
          unmet: this.rules!.unmet({ publisher, dataset: id, version }, this.#sim.onDisks(publisher, id, version)),
        })
        this.#tell(publisher, id)
        await this.#disk(process)
      },
    )
  }

  holders(publisher: string, dataset: string): HeldBy[] {
    const record = replicaRecordId(publisher, dataset)
    return [...this.#sim.islands.keys()].flatMap((island) => {
      const entry = this.#current.get(`${island} replica ${record}`)
      const body = entry?.body as { state: HeldBy['state']; version: string; coming?: string } | undefined
      return entry === undefined || body === undefined ? [] : [{ island, time: entry.time, ...body }]
    })
  }

  /** Whole copies of others' datasets that are here. */
  replicas(): Version[] {
    return [...this.#whole.values()].filter(({ publisher }) => publisher !== this.id)
  }

  // The catalog: one log an origin, of which this island knows a beginning.

  #catalog(): Pick<CatalogPort, 'get' | 'list' | 'append' | 'withdraw' | 'on'> {
    const record = ({ origin, kind, id, body, time }: Entry) => ({ origin, kind, id, body, time }) as SignedRecord
    const current = this.#current
    return {
      get: async (kind: string, id: string, origin: string) => {
        const entry = current.get(`${origin} ${kind} ${id}`)
        return entry && record(entry)
      },
      async *list(kind: string) {
        for (const entry of [...current.values()]) if (entry.kind === kind) yield record(entry)
      },
      append: async (kind: string, id: string, body: unknown) => this.#append(kind, id, body),
      withdraw: async (kind: string, id: string) => this.#append(kind, id, undefined),
      on: (_event: string, listener: (changes: CatalogChange[]) => void) => {
        this.#listeners.push(listener)
        return () => {
          this.#listeners = this.#listeners.filter((each) => each !== listener)
        }
      },
    } as never
  }

  #append(kind: string, id: string, body: unknown): SignedRecord {
    const entry: Entry = { origin: this.id, kind, id, body, time: this.#sim.now }
    this.#sim.logs.get(this.id)!.push(entry)
    this.pullFrom(this.id)
    for (const other of this.#sim.islands.values()) {
      if (other === this || this.#sim.random.chance(this.#sim.loss)) continue
      this.#sim.scheduler.after(this.#sim.latency(), () => {
        if (this.#sim.reaches(this.id, other.id)) other.pullFrom(this.id, this.id)
      })
    }
    return entry as unknown as SignedRecord
  }

  /** Everything that the other one knows, or one log of it. */
  pullFrom(other: string, only?: string): void {
    const sim = this.#sim
    const theirs = sim.islands.get(other)!.#seen
    const changes: CatalogChange[] = []
    for (const [origin, log] of sim.logs) {
      if (only !== undefined && origin !== only) continue
      const known = origin === other ? log.length : (theirs.get(origin) ?? 0)
      const seen = this.#seen.get(origin) ?? 0
      if (known <= seen) continue
      this.#seen.set(origin, known)
      for (const entry of log.slice(seen, known)) {
        this.#note(entry)
        changes.push(
          entry.body === undefined
            ? ({ type: 'withdrawn', ...entry } as never)
            : ({ type: 'put', record: entry } as never),
        )
      }
    }
    if (changes.length > 0) for (const listener of this.#listeners) listener(changes)
  }

  #note(entry: Entry): void {
    const key = `${entry.origin} ${entry.kind} ${entry.id}`
    if (entry.body === undefined) this.#current.delete(key)
    else this.#current.set(key, entry)
  }

  /** What is so now about a dataset, where that is not said already. */
  #tell(publisher: string, id: string): void {
    const record = replicaRecordId(publisher, id)
    const is = (v: Version) => v.publisher === publisher && v.id === id
    const whole = [...this.#whole.values()].find(is)
    const next = [...this.#coming.values()].find(is)?.version ?? this.#claimed.get(record)
    const body =
      whole === undefined
        ? next && { dataset: id, publisher, version: next, state: 'transferring', bytes: 0 }
        : {
            ...{ dataset: id, publisher, version: whole.version, state: 'available', bytes: 1 },
            ...(next === undefined || next === whole.version ? {} : { coming: next }),
          }
    const said = this.#current.get(`${this.id} replica ${record}`)?.body
    if (JSON.stringify(said) !== JSON.stringify(body)) this.#append('replica', record, body || undefined)
  }

  // Bytes.

  async #bring(process: { alive: boolean }, version: Version): Promise<void> {
    await this.#sim.scheduler.delay(this.#between(SET_UP_MS))
    await gone(process)
    const key = keyOf(version)
    if (this.#coming.has(key) || this.#whole.has(key)) return
    if (this.#source(version) === undefined) throw new ArchipelError('NO_HOLDER', 'nobody who can be reached has it')
    if (this.replicas().length + this.#coming.size >= this.quota) throw new ArchipelError('QUOTA_EXCEEDED', 'no room')
    this.#coming.set(key, version)
    const { publisher, id } = version
    this.#sim.begun.push({
      island: this.id,
      dataset: `${publisher} ${id}`,
      version: version.version,
      at: this.#sim.now,
    })
    this.#tell(publisher, id)
    void this.#fetch(process, version)
  }

  async #fetch(process: { alive: boolean }, version: Version): Promise<void> {
    const { publisher, id } = version
    await this.#sim.scheduler.delay(this.#between(BYTES_MS))
    await gone(process)
    while (this.#source(version) === undefined) {
      await this.#sim.scheduler.delay(AGAIN_MS)
      await gone(process)
      // A newer version is what is wanted by now.
      const entry = this.#current.get(`${publisher} dataset ${id}`)
      if ((entry?.body as Version | undefined)?.version === version.version) continue
      this.#coming.delete(keyOf(version))
      this.#tell(publisher, id)
      return
    }
    this.#coming.delete(keyOf(version))
    for (const [key, held] of this.#whole) if (held.publisher === publisher && held.id === id) this.#whole.delete(key)
    this.#whole.set(keyOf(version), version)
    this.#tell(publisher, id)
  }

  #source({ publisher, id, version }: Version): string | undefined {
    return this.#sim
      .onDisks(publisher, id, version)
      .find((island) => island !== this.id && this.#sim.reaches(this.id, island))
  }

  #between([least, most]: readonly [number, number]): number {
    return least + this.#sim.random() * (most - least)
  }

  // Promises.

  async #ask(process: { alive: boolean }, island: string, request: PromiseRequest) {
    const sim = this.#sim
    await gone(process)
    const there = await sim.carry(this.id, island)
    await gone(process)
    const desk = sim.islands.get(island)!
    if (!there || desk.promises === undefined) throw new ArchipelError('UNREACHABLE', 'cut off')
    const theirs = desk.#process
    const answer = await Promise.race([
      desk.promises.answer(this.id, request),
      sim.scheduler.delay(NOTICED_MS * 3).then(() => undefined),
    ])
    await gone(process)
    if (answer === undefined || !theirs.alive || !(await sim.carry(island, this.id)))
      throw new ArchipelError('UNREACHABLE', 'no answer')
    await gone(process)
    return answer
  }

  /** A look at the disk, or a write. */
  async #disk(process: { alive: boolean }): Promise<void> {
    await this.#sim.scheduler.delay(1 + this.#sim.random() * 20)
    await gone(process)
  }

  #bucket(): Bucket {
    const process = this.#process
    const values = this.#promised
    return {
      get: async (key) => values.get(key),
      put: async (key, value) => {
        await this.#disk(process)
        values.set(key, value)
        await this.#disk(process)
      },
      delete: async (key) => void values.delete(key),
      async *entries() {
        yield* [...values]
      },
      getBytes: async () => undefined,
      async *entriesBytes() {},
    }
  }
}

/** What a dead process would have done next never happens. */
async function gone(process: { alive: boolean }): Promise<void> {
  if (!process.alive) await new Promise(() => {})
}
