/** A client of an island's Livy endpoint, as plain as can be. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LivySession, LivyStatement } from '../../src/protocols/livy/objects.ts'
import { eventually } from '../kit/index.ts'
import type { FleetIsland } from '../network/fleet.ts'

export interface Answer<T> {
  status: number
  body: T
}

/** Reads address and token at each call: both may change with a restart. */
export function livyRest(island: Pick<FleetIsland, 'dataDir'>, signal: AbortSignal) {
  async function ask<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const { url } = JSON.parse(readFileSync(join(island.dataDir, 'daemon.json'), 'utf8')) as { url: string }
    const token = readFileSync(join(island.dataDir, 'owner.token'), 'utf8').trim()
    const response = await fetch(`${url.replace(/\/$/, '')}/livy${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal,
    })
    const text = await response.text()
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T }
  }

  async function ok<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await ask<T>(method, path, body)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  return {
    ask,
    ok,
    /** Until it is in this state. */
    session: (id: number, state: string, timeoutMs = 60_000) =>
      eventually(
        async () => {
          const session = await ok<LivySession>('GET', `/sessions/${id}`)
          if (session.state !== state) throw new Error(`${session.state}: ${session.log.join('\n')}`)
          return session
        },
        { timeoutMs, signal },
      ),
    /** Until it is over. */
    statement: (session: number, id: number, timeoutMs = 60_000) =>
      eventually(
        async () => {
          const statement = await ok<LivyStatement>('GET', `/sessions/${session}/statements/${id}`)
          if (statement.state !== 'available') throw new Error(statement.state)
          return statement
        },
        { timeoutMs, signal },
      ),
  }
}
