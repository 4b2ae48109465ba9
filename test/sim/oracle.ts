import { contentPosition, decodeRecord, type SignedRecord } from '../../src/protocols/record/envelope.ts'
import { decodeHead } from '../../src/protocols/record/head.ts'
import { LiveSet } from '../../src/protocols/record/lthash.ts'
import { comparePositions, formatPosition, type Position } from '../../src/protocols/record/position.ts'
import type { MemoryStore } from './memory-store.ts'

export interface Name {
  kind: string
  id: string
}

interface Write extends Name {
  n: number
  at: Position
}

/** What each island was told is safe, and what the end of a run has to show of it. */
export class Oracle {
  readonly #writes = new Map<string, Write[]>()
  #n = 0

  /** A number for the next write; grows over the whole run. */
  next(): number {
    return ++this.#n
  }

  acknowledged(record: SignedRecord, n: number): void {
    const list = this.#writes.get(record.origin) ?? []
    this.#writes.set(record.origin, list)
    const { kind, id } = record
    list.push({ kind, id, n, at: contentPosition(record) })
  }

  /** The island's own store is about to be replaced: what no other copy has may go. */
  async lost(origin: string, copies: MemoryStore[]): Promise<void> {
    const writes = this.#writes.get(origin) ?? []
    const kept = new Set<Write>()
    for (const store of copies) {
      for (const write of writes) if (await knows(store, origin, write)) kept.add(write)
    }
    this.#writes.set(
      origin,
      writes.filter((w) => kept.has(w)),
    )
  }

  /** What is missing at the end in the island's own log. */
  async missing(origin: string, store: MemoryStore): Promise<string[]> {
    const problems: string[] = []
    for (const write of this.#writes.get(origin) ?? []) {
      if (await hasInLog(store, origin, write)) continue
      problems.push(`${origin}: write ${write.n} of ${write.kind} ${write.id} at ${formatPosition(write.at)} is lost`)
    }
    return problems
  }
}

/** Whether a store has the write, or something newer of that name, as a record or kept as an orphan. */
async function knows(store: MemoryStore, origin: string, write: Write): Promise<boolean> {
  if (await hasInLog(store, origin, write)) return true
  for await (const orphan of store.orphans(origin)) {
    const record = decodeRecord(orphan)
    if (record.kind === write.kind && record.id === write.id && isAtLeast(record, write)) return true
  }
  return false
}

async function hasInLog(store: MemoryStore, origin: string, write: Write): Promise<boolean> {
  const generation = await generationOf(store, origin)
  const [bytes] = generation === undefined ? [] : await store.current(origin, generation, [write])
  return bytes !== undefined && isAtLeast(decodeRecord(bytes), write)
}

/** By place in the log; or by number, where an earlier life with a wrong clock got ahead. */
function isAtLeast(record: SignedRecord, write: Write): boolean {
  const n = (record.body as { n?: number } | undefined)?.n
  return comparePositions(contentPosition(record), write.at) >= 0 || (n !== undefined && n > write.n)
}

export async function generationOf(store: MemoryStore, origin: string): Promise<number | undefined> {
  for await (const [log, value] of store.logs()) if (log === origin) return value.generation
  return undefined
}

/** A body that no honest island wrote; liars number theirs below zero. */
function isForged(record: SignedRecord): boolean {
  return ((record.body as { n?: number } | undefined)?.n ?? 0) < 0
}

export interface LogContents {
  /** Live records, sorted by their bytes, one after the other. */
  live: Buffer
  count: number
  problem: string | undefined
}

/** Everything a store has, checked against its own heads. */
export async function contents(store: MemoryStore): Promise<Map<string, LogContents>> {
  const all = new Map<string, LogContents>()
  for await (const [log, value] of store.logs()) {
    const head = decodeHead(value.head)
    const set = new LiveSet()
    const live: Uint8Array[] = []
    let forged = false
    for await (const chunk of store.range(log, value.generation, null)) {
      for (const bytes of chunk) {
        const record = decodeRecord(bytes)
        if (record.withdrawn === true) continue
        forged ||= isForged(record)
        set.add(bytes)
        live.push(bytes)
      }
    }
    const matches = live.length === head.liveCount && Buffer.compare(set.digest(), head.liveHash) === 0
    const problem = forged
      ? `a forged record is in the log of ${log}`
      : matches
        ? undefined
        : `the store has ${live.length} live records of ${log}, not those of its head`
    all.set(log, { live: Buffer.concat(live.sort(Buffer.compare)), count: live.length, problem })
  }
  return all
}
