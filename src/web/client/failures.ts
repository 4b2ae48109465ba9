/** What goes wrong between here and the island, as `ArchipelError`. */
import { ArchipelError, type ErrorCode, toArchipelError } from '../../protocols/model/errors.ts'
import { fromProblem, PROBLEM_MEDIA_TYPE } from '../contract/problem.ts'

/** Codes of Node and undici. A browser tells none: there every failure of the network is UNREACHABLE. */
const BY_CAUSE: Record<string, [ErrorCode, string]> = {
  ECONNREFUSED: ['NOT_RUNNING', 'no island answers there'],
  ENOTFOUND: ['UNREACHABLE', 'the name of the island is not known'],
  EAI_AGAIN: ['UNREACHABLE', 'the name of the island cannot be looked up now'],
  ECONNRESET: ['UNREACHABLE', 'the connection broke'],
  EPIPE: ['UNREACHABLE', 'the connection broke'],
  EHOSTUNREACH: ['UNREACHABLE', 'the host cannot be reached'],
  ENETUNREACH: ['UNREACHABLE', 'the network cannot be reached'],
  ETIMEDOUT: ['UNREACHABLE', 'the host does not answer'],
  UND_ERR_SOCKET: ['UNREACHABLE', 'the connection broke'],
  UND_ERR_CONNECT_TIMEOUT: ['UNREACHABLE', 'the host does not answer'],
  UND_ERR_ABORTED: ['CANCELLED', 'the call was cancelled'],
  UND_ERR_DESTROYED: ['CANCELLED', 'the client was closed'],
  UND_ERR_CLOSED: ['CANCELLED', 'the client was closed'],
}

/** What `fetch` or the reading of its answer threw; `signal` is that of the caller, `own` that of the call. */
export function fromTransport(cause: unknown, signal?: AbortSignal, own?: AbortSignal): ArchipelError {
  if (cause instanceof ArchipelError) return cause
  if (signal?.aborted) return toArchipelError(asAbort(signal.reason))
  if (own?.reason instanceof ArchipelError) return own.reason
  const inner = innermost(cause)
  const { code = '', name = '' } = inner as { code?: string; name?: string }
  const known = BY_CAUSE[code]
  if (known !== undefined) return new ArchipelError(known[0], known[1], { cause: inner })
  if (String(code).startsWith('HPE_') || name === 'HTTPParserError') {
    return new ArchipelError('PROTOCOL', 'what answers there does not speak HTTP', { cause: inner })
  }
  if ((inner as Error).message === 'bad port') {
    return new ArchipelError('BAD_INPUT', 'fetch, as browsers do, refuses this port', {
      hint: 'Let the island use another one (web.port): ports below 1024 and some more are of other protocols.',
      cause: inner,
    })
  }
  // All that a browser says of a connection that failed or broke.
  if (cause instanceof TypeError) return new ArchipelError('UNREACHABLE', 'the connection failed or broke', { cause })
  return toArchipelError(cause)
}

/** `fetch` wraps what happened into a TypeError. */
function innermost(cause: unknown): object {
  let inner = (cause ?? {}) as { cause?: unknown; code?: unknown }
  while (inner.code === undefined && typeof inner.cause === 'object' && inner.cause !== null) {
    inner = inner.cause as typeof inner
  }
  return inner
}

function asAbort(reason: unknown): unknown {
  return reason instanceof Error && reason.name === 'TimeoutError' ? reason : new DOMException('aborted', 'AbortError')
}

/** @throws PROTOCOL */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw notAnIsland(cause)
  }
}

const told = new WeakSet<ArchipelError>()

/** The error of a problem document, which the island told itself. */
export function toldBy(document: unknown): ArchipelError | undefined {
  const error = fromProblem(document)
  if (error !== undefined) told.add(error)
  return error
}

/** Whether the island told this error; else the connection failed. */
export function wasTold(error: ArchipelError): boolean {
  return told.has(error)
}

/** What an answer with the status of a failure tells. What is no problem document is not read. */
export async function failureOf(answer: {
  headers: Headers
  text(): Promise<string>
  end(): void
}): Promise<ArchipelError> {
  if (answer.headers.get('content-type')?.startsWith(PROBLEM_MEDIA_TYPE)) {
    return toldBy(parse(await answer.text())) ?? notAnIsland()
  }
  answer.end()
  return notAnIsland()
}

/** Nobody answers any more where the connection was just made: not the same as nobody ever. */
export function afterBreak(error: ArchipelError): ArchipelError {
  if (error.code !== 'NOT_RUNNING' || wasTold(error)) return error
  return new ArchipelError('NOT_RUNNING', 'the island stopped before it answered', { cause: error.cause })
}

function notAnIsland(cause?: unknown): ArchipelError {
  return new ArchipelError('PROTOCOL', 'what answers there is not an island', {
    hint: 'Check the URL; `archipel up` prints that of the island.',
    cause,
  })
}
