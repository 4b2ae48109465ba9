/** Whether the island is still there while a command waits for its answer. */
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { IslandClient } from '../../web/client/index.ts'

/** Milliseconds between two questions whether it is there; the first comes after one such time. */
const EVERY_MS = 2000
/** Milliseconds for the answer: a busy island may be late, one that hangs never comes. */
const ANSWER_MS = 8000
/** Milliseconds for the question after a call failed. */
const AFTERWARDS_MS = 1000

type Health = Pick<IslandClient, 'health'>

/** Asks now and then until `onLost` was told or the function returned is called. Keeps no process alive. */
export function watchIsland(client: Health, onLost: (error: ArchipelError) => void): () => void {
  let timer: NodeJS.Timeout | undefined
  let ended = false
  let refused = 0
  const next = () => {
    timer = setTimeout(() => void look(), EVERY_MS).unref()
  }
  const look = async () => {
    const code = await healthOf(client, ANSWER_MS)
    if (ended) return
    // While it stops it answers what it can, but listens no more: one refusal says nothing yet.
    refused = code === undefined || code === 'DEADLINE' ? 0 : refused + 1
    if (code === 'DEADLINE') return onLost(hangs())
    if (refused >= 2) return onLost(stopped())
    next()
  }
  next()
  return () => {
    ended = true
    clearTimeout(timer)
  }
}

/** Of a connection that was there and broke. */
const BROKE = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

/** What a failed call means when the island has gone meanwhile; else the error itself. */
export async function afterFailure(error: ArchipelError, client: Health): Promise<ArchipelError> {
  const { code: cause } = (error.cause ?? {}) as { code?: string }
  const broke = error.code === 'UNREACHABLE' && (cause === undefined || BROKE.has(cause))
  if (!broke && error.code !== 'CANCELLED') return error
  const code = await healthOf(client, AFTERWARDS_MS)
  return code === 'NOT_RUNNING' || code === 'UNREACHABLE' ? stopped(error) : error
}

async function healthOf(client: Health, ms: number) {
  try {
    await client.health({ signal: AbortSignal.timeout(ms) })
    return undefined
  } catch (error) {
    return toArchipelError(error).code
  }
}

function stopped(cause?: unknown): ArchipelError {
  return new ArchipelError('NOT_RUNNING', 'the island stopped before it answered', {
    cause,
    hint: 'Start it again with `archipel up`, and repeat the command.',
  })
}

function hangs(): ArchipelError {
  return new ArchipelError(
    'NOT_RUNNING',
    `the island does not answer any more, not even within ${ANSWER_MS / 1000} s`,
    {
      hint: 'Its process hangs or was halted: go on with it, or stop it and start it again with `archipel up`; then repeat the command.',
    },
  )
}
