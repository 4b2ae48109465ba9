/**
 * One subscription to the island, handed out to any number of readers as server-sent events. A ring of the last
 * events lets a reader resume with `Last-Event-ID`. Ids are `<start of this server>-<number>`.
 */
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { IslandEvent } from '../../protocols/model/views.ts'
import type { IslandPort } from '../ports.ts'

/** Events kept for readers that come back, and the most that wait for a slow one. */
const RING = 512
const MAX_READERS = 256
/** Milliseconds between comments that keep the connection alive. */
const HEARTBEAT_MS = 15_000
/** Milliseconds that the island has to end its iteration when the server stops. */
const STOP_MS = 1000

type Item = IslandEvent | { lost: number }
/** An item takes the numbers `from + 1 .. to`: one for an event, `lost` for a gap. */
interface Entry {
  from: number
  to: number
  item: Item
}

export interface EventHub {
  /** How many there are. */
  readonly readers: number
  start(): void
  /** Ends all readers' streams. */
  stop(): Promise<void>
  /** `end`: when this reader's stream ends. @throws TOO_MANY */
  open(lastEventId: string | undefined, end?: AbortSignal): Response
}

const encoder = new TextEncoder()

export function eventHub(island: Pick<IslandPort, 'events'>, onEnd: (error: unknown) => void): EventHub {
  const boot = Date.now().toString(36)
  const abort = new AbortController()
  const ring: Entry[] = []
  const readers = new Set<() => void>()
  let seq = 0
  let running: Promise<void> | undefined
  let ended = false

  const wakeAll = () => {
    for (const wake of readers) wake()
  }

  async function follow(): Promise<void> {
    try {
      for await (const item of island.events({ signal: abort.signal })) {
        const from = seq
        seq += 'lost' in item ? item.lost : 1
        ring.push({ from, to: seq, item })
        if (ring.length > RING) ring.shift()
        wakeAll()
      }
    } catch (error) {
      if (!abort.signal.aborted) onEnd(error)
    }
    ended = true
    wakeAll()
  }

  function frame(item: Item, at: number): Uint8Array {
    const type = 'lost' in item ? 'lost' : item.type
    return encoder.encode(`id: ${boot}-${at}\nevent: ${type}\ndata: ${JSON.stringify(item)}\n\n`)
  }

  /** The frames of one reader, which has seen everything up to `position`. */
  async function* frames(position: number, missed: boolean, wait: () => Promise<void>): AsyncGenerator<Uint8Array> {
    yield encoder.encode(`: ${boot}\n\n`)
    if (missed) yield frame({ lost: 1 }, position)
    while (true) {
      const next = ring.find((entry) => entry.to > position)
      if (next === undefined) {
        if (ended) return
        await wait()
        if (position >= seq && !ended) yield encoder.encode(':\n\n')
      } else if (next.from > position) {
        const lost = next.from - position
        position = next.from
        yield frame({ lost }, position)
      } else {
        position = next.to
        yield frame(next.item, position)
      }
    }
  }

  function open(lastEventId: string | undefined, end?: AbortSignal): Response {
    if (readers.size >= MAX_READERS) {
      throw new ArchipelError('TOO_MANY', `${MAX_READERS} readers of events are here already`)
    }
    const resumed = /^(\w+)-(\d{1,15})$/.exec(lastEventId ?? '')
    const known = resumed?.[1] === boot && Number(resumed[2]) <= seq ? Number(resumed[2]) : undefined
    let wake = () => {}
    let gone = false
    const reader = () => wake()
    readers.add(reader)
    end?.addEventListener('abort', reader, { once: true })
    const leave = () => {
      readers.delete(reader)
      end?.removeEventListener('abort', reader)
    }
    const wait = async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, HEARTBEAT_MS)
      wake = resolve
      if (!gone && !end?.aborted) await promise
      clearTimeout(timer)
    }
    // An id of another run of the server: what happened between is not known, only that there may have been something.
    const items = frames(known ?? seq, lastEventId !== undefined && known === undefined, wait)
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await items.next()
          if (gone) return
          if (!done && !end?.aborted) return controller.enqueue(value)
          leave()
          controller.close()
        },
        cancel() {
          gone = true
          leave()
          wake()
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }

  return {
    get readers() {
      return readers.size
    },
    start() {
      running ??= follow()
    },
    async stop() {
      abort.abort()
      ended = true
      wakeAll()
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, STOP_MS)
      await Promise.race([running, promise])
      clearTimeout(timer)
    },
    open,
  }
}
