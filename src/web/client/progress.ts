/** Answers of lines `{progress}` ... then `{result}` or `{error}`. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import { fromTransport, parse, toldBy } from './failures.ts'
import type { ClientRoute } from './request.ts'
import { lines } from './streams.ts'
import type { CallInput, Transport } from './transport.ts'

type Line<P, R> = { progress: P; result?: undefined } | { progress?: undefined; result: R }

/** The connection broke before the end was told. */
export function cutOff(): ArchipelError {
  return new ArchipelError('UNREACHABLE', 'the island ended the connection before the result')
}

/** The lines as they come; a repeated one, which keeps the connection alive, comes once. @throws the error of the last line */
export async function* progress<P, R>(
  http: Transport,
  route: ClientRoute,
  input: CallInput,
): AsyncGenerator<Line<P, R>, void, void> {
  const answer = await http.open(route, input)
  let before = ''
  try {
    for await (const text of lines(answer.body)) {
      if (text === '' || text === before) continue
      before = text
      const line = parse(text) as Line<P, R> & { error?: unknown }
      if (line.progress === undefined && line.result === undefined)
        throw toldBy(line.error) ?? new ArchipelError('PROTOCOL', 'a line of the answer is not known')
      yield line
    }
  } catch (cause) {
    throw fromTransport(cause, input.signal)
  } finally {
    answer.end()
  }
}
