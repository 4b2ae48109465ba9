/** The answer to a call: its head, and its bytes as they come. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import { fromTransport } from './failures.ts'

/** Milliseconds without a byte while one is waited for: streams send something at least every 15 s. */
const IDLE_MS = 60_000

export interface Answer {
  readonly headers: Headers
  /** Can be read once. Throws `ArchipelError`; a body that is given up ends the call. */
  readonly body: AsyncGenerator<Uint8Array, void, void>
  /** All of it, as text. */
  text(): Promise<string>
  /** Ends the call, read or not. */
  end(): void
}

/** What belongs to one call: its own signal, which also ends with the caller's and the client's. */
export interface Call {
  readonly signal: AbortSignal
  readonly callers: AbortSignal | undefined
  abort(reason: ArchipelError): void
  end(): void
}

export function answerOf({ headers, body: stream }: Response, call: Call): Answer {
  // At once: Node cancels the stream of an answer that is collected as garbage, unless somebody has its lock.
  const reader = stream?.getReader()
  async function* bytes(): AsyncGenerator<Uint8Array, void, void> {
    try {
      while (reader !== undefined) {
        const idle = setTimeout(
          () => call.abort(new ArchipelError('DEADLINE', 'the island stopped answering')),
          IDLE_MS,
        )
        const { done, value } = await reader.read().finally(() => clearTimeout(idle))
        if (done) return
        yield value
      }
    } catch (cause) {
      throw fromTransport(cause, call.callers, call.signal)
    } finally {
      call.end()
    }
  }
  const body = bytes()
  return {
    headers,
    body,
    async text() {
      const decoder = new TextDecoder()
      let text = ''
      for await (const chunk of body) text += decoder.decode(chunk, { stream: true })
      return text + decoder.decode()
    },
    end: call.end,
  }
}
