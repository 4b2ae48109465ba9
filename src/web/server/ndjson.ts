import { type ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { toProblem } from '../contract/problem.ts'
import { latest } from './latest.ts'

/** Milliseconds without news after which the last progress is sent again, so that both ends see a live connection. */
const REPEAT_MS = 10_000
/** Milliseconds that a failure has to come as a plain error answer, with its own HTTP status. */
const HEAD_MS = 2_000

export const NDJSON_MEDIA_TYPE = 'application/x-ndjson'

type Work<P, R> = (onProgress: (progress: P) => void, signal: AbortSignal) => Promise<R>

/**
 * Runs `work` and answers with lines `{progress}` ... and at the end `{result}` or `{error}`. Progress is
 * coalesced for a slow reader. Work that fails before its first progress rejects here, so that the caller can
 * answer with a status. When the reader goes away, `signal` has to end the work.
 */
export async function ndjson<P extends object, R>(
  work: Work<P, R>,
  request: AbortSignal,
  onError: (e: ArchipelError) => void,
): Promise<Response> {
  const gone = new AbortController()
  const signal = AbortSignal.any([request, gone.signal])
  const slot = latest<P>()
  let ended = false
  const run = work((progress) => slot.set(progress), signal).finally(() => {
    ended = true
    slot.close()
  })
  // A failure is told by the reader below; this only says that somebody will.
  run.catch(() => {})
  let last: P | undefined = await slot.take(HEAD_MS)
  if (last === undefined && ended) await run

  const encoder = new TextEncoder()
  let first = true
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const line = (value: object) => controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`))
        const news: P | undefined = first ? last : await slot.take(REPEAT_MS)
        first = false
        if (news !== undefined) {
          last = news
          return line({ progress: news })
        }
        if (!ended) return last === undefined ? controller.enqueue(encoder.encode('\n')) : line({ progress: last })
        try {
          line({ result: await run })
        } catch (cause) {
          const error = toArchipelError(cause)
          onError(error)
          line({ error: toProblem(error) })
        }
        controller.close()
      },
      cancel() {
        gone.abort()
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': NDJSON_MEDIA_TYPE } })
}
