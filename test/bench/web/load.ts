/** A load generator: so many connections, each of which asks again as soon as it is answered. */
import { Pool } from 'undici'

export interface Load {
  perSecond: number
  /** Milliseconds of each answer, to its last byte. */
  times: number[]
}

export async function load(
  url: string,
  paths: string[],
  { connections, seconds, headers }: { connections: number; seconds: number; headers: Record<string, string> },
): Promise<Load> {
  const pool = new Pool(url, { connections, pipelining: 1 })
  const times: number[] = []
  let n = 0
  const started = performance.now()
  const end = started + seconds * 1000
  const lane = async () => {
    do {
      const from = performance.now()
      const { statusCode, body } = await pool.request({ method: 'GET', path: paths[n++ % paths.length]!, headers })
      await body.dump({ limit: 100_000_000 })
      if (statusCode !== 200) throw new Error(`status ${statusCode}`)
      times.push(performance.now() - from)
    } while (performance.now() < end)
  }
  try {
    await Promise.all(Array.from({ length: connections }, lane))
  } finally {
    await pool.destroy()
  }
  return { perSecond: (times.length / (performance.now() - started)) * 1000, times }
}
