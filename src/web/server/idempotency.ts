/**
 * `Idempotency-Key`: the same key with the same input gives the answer of the first call again, for a day. Only what
 * succeeded is remembered, so that a call that failed can be tried again.
 */
import { hash } from 'node:crypto'
import { ArchipelError } from '../../protocols/model/errors.ts'

/** Answers that outlive the process. What holds a secret is never put here. */
export interface AnswerStore {
  entries(): AsyncIterable<[key: string, value: string]>
  put(key: string, value: string): Promise<void>
  delete(key: string): Promise<void>
}

export interface KeyedCall {
  /** Whose key it is, and of which route: others may use the same. */
  caller: string
  route: string
  key: string
  input: unknown
  /** Keep it on the disk, too. */
  durable: boolean
}

export interface Answers {
  start(): Promise<void>
  /** @throws IDEMPOTENCY_CONFLICT when the key was used with another input; what `work` throws */
  once(call: KeyedCall, work: () => Promise<unknown>): Promise<unknown>
}

const DAY_MS = 86_400_000
const MAX_ANSWERS = 1000
const MAX_BYTES = 16 * 1024 * 1024

interface Kept {
  expires: number
  /** Of the input. */
  sha256: string
  answer: unknown
}

/** JSON with the keys of objects in order, so that equal input is equal text. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

const sha256 = (text: string) => hash('sha256', text, 'hex')

export function answers({ store, now = Date.now }: { store?: AnswerStore | undefined; now?: () => number }): Answers {
  const kept = new Map<string, Kept & { bytes: number }>()
  const running = new Map<string, { sha256: string; done: Promise<unknown> }>()
  let bytes = 0

  function forget(id: string): void {
    const entry = kept.get(id)
    if (entry === undefined) return
    kept.delete(id)
    bytes -= entry.bytes
    // What cannot be deleted now is too old at the next start.
    void store?.delete(id).catch(() => {})
  }

  function remember(id: string, entry: Kept, size: number): void {
    kept.set(id, { ...entry, bytes: size })
    bytes += size
    for (const [oldest, { expires }] of kept) {
      if (kept.size <= MAX_ANSWERS && bytes <= MAX_BYTES && expires > now()) break
      forget(oldest)
    }
  }

  function conflict(key: string): ArchipelError {
    return new ArchipelError('IDEMPOTENCY_CONFLICT', `the key ${JSON.stringify(key)} was used with another input`)
  }

  async function once(call: KeyedCall, work: () => Promise<unknown>): Promise<unknown> {
    const id = sha256(stable([call.caller, call.route, call.key]))
    const input = sha256(stable(call.input))
    for (;;) {
      const known = kept.get(id)
      if (known !== undefined && known.expires <= now()) forget(id)
      else if (known !== undefined) {
        if (known.sha256 !== input) throw conflict(call.key)
        return known.answer
      }
      const other = running.get(id)
      if (other === undefined) break
      if (other.sha256 !== input) throw conflict(call.key)
      // When it fails, nothing is remembered, and this call is the first.
      await other.done.catch(() => {})
    }
    const done = first(id, input, call, work)
    running.set(id, { sha256: input, done })
    return done
  }

  /** Settles when the answer is remembered and others may find it, not before: until then they wait for this. */
  async function first(id: string, input: string, call: KeyedCall, work: () => Promise<unknown>): Promise<unknown> {
    // After `running` has it.
    await undefined
    try {
      const answer = await work()
      const entry: Kept = { expires: now() + DAY_MS, sha256: input, answer }
      const text = JSON.stringify(entry)
      // It was done: that it cannot be written down is no reason to say otherwise.
      if (call.durable) await store?.put(id, text).catch(() => {})
      remember(id, entry, text.length)
      return answer
    } finally {
      running.delete(id)
    }
  }

  return {
    async start() {
      const found: [string, Kept, number][] = []
      for await (const [id, text] of store?.entries() ?? []) found.push([id, JSON.parse(text) as Kept, text.length])
      for (const [id, entry, size] of found.sort(([, a], [, b]) => a.expires - b.expires)) remember(id, entry, size)
    },
    once,
  }
}
