import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { AttemptEvent } from '../../../protocols/task/messages.ts'
import type { SpoolKey } from '../../results/port.ts'
import type { OwnedAttempt } from '../store/records.ts'
import type { RequesterComponents } from './components.ts'

export type DoneEvent = Extract<AttemptEvent, { type: 'done' }>

export interface Collector {
  /** Brings the log here, up to so many bytes at least. @throws what reading at the provider throws */
  log(key: SpoolKey, at: OwnedAttempt, upTo: number, signal: AbortSignal): Promise<void>
  /** The same in the background, unless it is on its way; what fails is tried again the next time. */
  follow(key: SpoolKey, at: OwnedAttempt, upTo: number, signal: AbortSignal): void
  /** Brings the result here, verified and durable. `onBytes`: it goes on. @throws PROTOCOL, DISK_FULL, RESULT_LIMIT, UNREACHABLE */
  result(
    key: SpoolKey,
    at: OwnedAttempt,
    done: DoneEvent,
    call: { signal: AbortSignal; onBytes: () => void },
  ): Promise<void>
}

const CHUNK_BYTES = 256 * 1024

/** Copies what an attempt made from its provider's spool into the own. What ran here is in it already. */
export function collector(
  init: { self: string },
  { clock, spool, remotes, links }: Pick<RequesterComponents, 'clock' | 'spool' | 'remotes' | 'links'>,
): Collector {
  async function* bytesOf(key: SpoolKey, island: string, item: string, offset: number, signal: AbortSignal) {
    const request = { ...key, item, offset, limit: Number.MAX_SAFE_INTEGER }
    for await (const { bytes } of remotes.read(island, request, { signal })) yield bytes
  }

  /** Logs on their way, by task. */
  const copying = new Map<string, Promise<void>>()

  async function copyLog(key: SpoolKey, at: OwnedAttempt, upTo: number, signal: AbortSignal): Promise<void> {
    let { total } = await spool.log(key, { offset: 0, limit: 0 })
    while (total < upTo) {
      const before = total
      const request = { ...key, item: 'log', offset: total, limit: CHUNK_BYTES }
      for await (const { bytes } of remotes.read(at.island, request, { signal })) {
        await spool.appendLog(key, total, bytes)
        total += bytes.length
      }
      // The provider has less than it said, or the log was cut here.
      if (total === before) return
      if ((await spool.log(key, { offset: 0, limit: 0 })).total < total) return
    }
  }

  async function log(key: SpoolKey, at: OwnedAttempt, upTo: number, signal: AbortSignal): Promise<void> {
    if (at.island === init.self || upTo === 0) return
    const before = copying.get(key.task) ?? Promise.resolve()
    const mine = before.catch(() => {}).then(() => copyLog(key, at, upTo, signal))
    copying.set(key.task, mine)
    try {
      await mine
    } finally {
      if (copying.get(key.task) === mine) copying.delete(key.task)
    }
  }

  return {
    log,
    follow(key, at, upTo, signal) {
      // What is printed meanwhile comes with the next sign of life.
      if (!copying.has(key.task)) void log(key, at, upTo, signal).catch(() => {})
    },
    async result(key, at, done, { signal, onBytes }) {
      const meta = done.result
      if (meta === undefined) throw new ArchipelError('PROTOCOL', 'an attempt that succeeded without a result')
      if (at.island === init.self) return
      const began = clock.elapsed()
      let moved = 0
      await spool.receive(key, meta, {
        inline: done.inline ?? [],
        fetch: (item, offset) => bytesOf(key, at.island, item, offset, signal),
        onBytes(bytes) {
          moved += bytes
          onBytes()
        },
      })
      if (moved > 0) links?.observe(at.island, moved, clock.elapsed() - began)
    },
  }
}
