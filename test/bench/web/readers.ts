/** Many readers of one stream of events. */
import { Agent, request } from 'undici'

export interface Readers {
  /** Acts, and resolves when each reader has one event more that has this text. */
  told(text: string, act: () => Promise<unknown>): Promise<{ all: number; spread: number }>
  close(): Promise<void>
}

const LONGEST_MS = 60_000

export async function openReaders(
  url: string,
  { count, headers }: { count: number; headers: Record<string, string> },
): Promise<Readers> {
  const agent = new Agent({ connections: count, bodyTimeout: 0, headersTimeout: LONGEST_MS })
  let wanted = ''
  const listeners = new Set<() => void>()
  const bodies = await Promise.all(
    Array.from({ length: count }, async () => {
      const { statusCode, body } = await request(url, { headers, dispatcher: agent })
      if (statusCode !== 200) throw new Error(`status ${statusCode}`)
      let rest = ''
      body.on('data', (chunk: Buffer) => {
        rest = `${rest}${chunk}`
        for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
          const frame = rest.slice(0, end)
          rest = rest.slice(end + 2)
          if (wanted !== '' && frame.includes(wanted)) for (const listener of listeners) listener()
        }
      })
      body.on('error', () => {})
      return body
    }),
  )
  return {
    async told(text, act) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      let first = 0
      let arrived = 0
      const listener = () => {
        arrived++
        if (arrived === 1) first = performance.now()
        if (arrived === count) resolve()
      }
      wanted = text
      listeners.add(listener)
      const late = setTimeout(() => reject(new Error(`${arrived} of ${count} readers were told`)), LONGEST_MS)
      const started = performance.now()
      try {
        await Promise.all([act(), promise])
        const ended = performance.now()
        return { all: ended - started, spread: ended - first }
      } finally {
        clearTimeout(late)
        listeners.delete(listener)
        wanted = ''
      }
    },
    async close() {
      for (const body of bodies) body.destroy()
      await agent.destroy()
    },
  }
}
