import type { z } from 'zod'
import { ArchipelError } from '../model/errors.ts'
import type { FrameStream } from './frames.ts'

/**
 * A stream that stays open: the asker sends many requests, each is answered once, in any order, and the other side tells of
 * things by itself. For what is asked so often that a stream for each would cost more than the answer.
 */
export interface LinkSpec<Request, Item, Push> {
  name: string
  version: number
  request: z.ZodType<Request>
  item: z.ZodType<Item>
  push: z.ZodType<Push>
  /** Bytes of one frame, in either direction. */
  maxFrameBytes: number
  /** Bytes that wait to be sent; a link on which more would wait is cut. */
  maxQueuedBytes: number
  /** Milliseconds until an answer, and for a frame to leave. */
  timeoutMs: number
  /** Milliseconds between two signs of life of either side; three times that without one ends the link. */
  beatMs: number
  /** Requests of one peer in progress at a time, and started per minute; links of one connection. */
  quota: { concurrent: number; perMinute: number; links: number }
}

/** Frames of a link: `{id, request}` and `{cancel: id}` one way, `{id, item}`, `{id, error}` and `{push}` back, `{beat: true}` both ways. */
export interface LinkFrame {
  id?: unknown
  request?: unknown
  cancel?: unknown
  item?: unknown
  error?: unknown
  push?: unknown
  beat?: unknown
}

export interface LinkSender {
  /** In order; does not wait. What cannot be sent ends the link. */
  send(frame: LinkFrame): void
  /** Whether nothing waits. */
  readonly idle: boolean
}

/** Sends one frame after the other, and cuts a link whose other side does not take them. */
export function linkSender(
  io: FrameStream,
  spec: Pick<LinkSpec<unknown, unknown, unknown>, 'name' | 'maxQueuedBytes' | 'timeoutMs'>,
  end: (reason: unknown) => void,
): LinkSender {
  const queue: { frame: LinkFrame; bytes: number }[] = []
  let queued = 0
  let sending = false

  async function drain(): Promise<void> {
    sending = true
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        await io.write(next.frame, AbortSignal.timeout(spec.timeoutMs))
        queued -= next.bytes
      }
    } catch (error) {
      queue.length = 0
      end(error)
    } finally {
      sending = false
    }
  }

  return {
    get idle() {
      return !sending && queue.length === 0
    },
    send(frame) {
      const bytes = weight(frame)
      if (queued + bytes > spec.maxQueuedBytes && queued > 0)
        return end(new ArchipelError('TOO_MANY', `${spec.name}: more waits to be sent than the link takes`))
      queue.push({ frame, bytes })
      queued += bytes
      if (!sending) void drain()
    },
  }
}

/** Bytes, roughly: those of the texts on the first two levels, which are what can be long. */
function weight(frame: LinkFrame): number {
  let sum = 64
  for (const value of Object.values(frame)) {
    if (typeof value !== 'object' || value === null) continue
    for (const inner of Object.values(value)) {
      if (typeof inner === 'string' || inner instanceof Uint8Array) sum += inner.length
      else if (typeof inner === 'object' && inner !== null) sum += 256
    }
  }
  return sum
}

export interface Pulse {
  /** Something came. */
  heard(): void
  stop(): void
}

/** Sends signs of life, and ends a link from which none came for three times as long. */
export function pulse(
  spec: { name: string; beatMs: number },
  sender: LinkSender,
  end: (reason: unknown) => void,
): Pulse {
  let last = performance.now()
  const timer = setInterval(() => {
    if (performance.now() - last > 3 * spec.beatMs)
      return end(new ArchipelError('DEADLINE', `${spec.name}: no sign of life from the other side`))
    // While something is on its way, that is the sign.
    if (sender.idle) sender.send({ beat: true })
  }, spec.beatMs)
  timer.unref()
  return {
    heard() {
      last = performance.now()
    },
    stop() {
      clearInterval(timer)
    },
  }
}
