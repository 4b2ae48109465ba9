/** A line that can be made slow or narrow while it is in use. */
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface Line {
  port: number
  /** Milliseconds that every byte takes, each way. */
  delayMs: number
  /** Each way. */
  bytesPerSecond: number
}

/** Small enough that a narrow line is no burst. */
const SLICE = 2048

/** A TCP proxy in front of a local port. */
export async function slowLine(t: { cleanup(fn: () => unknown): void }, target: number): Promise<Line> {
  const line: Line = { port: 0, delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY }
  const sockets = new Set<Socket>()
  const closing = new AbortController()

  function pass(from: Socket, to: Socket): void {
    sockets.add(from)
    from.setNoDelay(true)
    let queue: Promise<unknown> = Promise.resolve()
    /** When what was sent last leaves the line. */
    let free = 0
    from.on('data', (chunk: Buffer) => {
      const arrived = performance.now()
      from.pause()
      queue = queue.then(async () => {
        for (let at = 0; at < chunk.length; at += SLICE) {
          const slice = chunk.subarray(at, at + SLICE)
          free = Math.max(free, arrived) + (slice.length * 1000) / line.bytesPerSecond
          const wait = free + line.delayMs - performance.now()
          if (wait > 0) await delay(wait, undefined, { signal: closing.signal }).catch(() => {})
          if (!to.destroyed) to.write(slice)
        }
        from.resume()
      })
    })
    from.on('end', () => void queue.then(() => to.end()))
    from.on('error', () => to.destroy())
    from.on('close', () => {
      sockets.delete(from)
      void queue.then(() => to.destroy())
    })
  }

  const server = createServer((socket) => {
    const onward = connect(target, '127.0.0.1')
    pass(socket, onward)
    pass(onward, socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.cleanup(() => {
    closing.abort()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  line.port = address.port
  return line
}
