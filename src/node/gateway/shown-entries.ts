import { LivyRefusal } from '../../protocols/livy/refusal.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { logPage } from '../../protocols/model/log-page.ts'
import type { LivyEntryPage, LogPage } from '../../protocols/model/views.ts'
import type { Requester } from './requester/requester.ts'

const PAGE = 100
const NOUN = { sessions: 'session', batches: 'batch' } as const

interface Options {
  signal?: AbortSignal
  user?: string
  /** Refuse what other users made. */
  onlyOwn?: boolean
}

/** What the web service shows of the endpoint's entries, in its own words and errors. `endpoint`: where it is served. */
export function shownEntries(requester: Pick<Requester, 'views' | 'sessions' | 'batches'>, endpoint?: string) {
  return {
    async list({ limit = PAGE, cursor }: { limit?: number; cursor?: string } = {}): Promise<LivyEntryPage> {
      if (cursor !== undefined && !/^\d{1,9}$/.test(cursor))
        throw new ArchipelError('BAD_INPUT', 'this cursor is not from a list of the Livy endpoint')
      const all = requester.views()
      const from = Number(cursor ?? 0)
      const items = all.slice(from, from + limit)
      const more = from + items.length < all.length
      const next = more ? { next: String(from + items.length) } : {}
      return { items, total: all.length, ...(endpoint === undefined ? {} : { endpoint }), ...next }
    },
    async end(type: 'sessions' | 'batches', id: number, options: Options = {}): Promise<{ id: number }> {
      try {
        await requester[type].delete(id, callerOf(options))
        return { id }
      } catch (error) {
        throw error instanceof LivyRefusal ? inOurWords(error, `${NOUN[type]} ${id}`) : error
      }
    },
    async output(
      session: number,
      statement: number,
      { offset, limit }: { offset: number; limit: number },
      options: Options = {},
    ): Promise<LogPage> {
      try {
        const page = { offset, limit }
        const { bytes, total, ended } = await requester.sessions.output(session, statement, page, callerOf(options))
        return logPage(bytes, { offset, total, ended })
      } catch (error) {
        throw error instanceof LivyRefusal ? inOurWords(error, `session ${session}`, statement) : error
      }
    },
  }
}

function callerOf({ signal, user = 'owner', onlyOwn = false }: Options) {
  return { user, admin: !onlyOwn, signal: signal ?? new AbortController().signal }
}

function inOurWords(refusal: LivyRefusal, entry: string, statement?: number): ArchipelError {
  const hint = '`archipel livy list` shows the sessions of the Livy endpoint, with their statements.'
  if (refusal.status === 403)
    return new ArchipelError('FORBIDDEN', `the Livy ${entry} is of another user`, {
      hint: 'Ask its owner, or an administrator.',
    })
  return statement !== undefined && refusal.body === 'Statement not found'
    ? new ArchipelError('STATEMENT_NOT_FOUND', `the Livy ${entry} has no statement ${statement}`, { hint })
    : new ArchipelError(
        'SESSION_NOT_FOUND',
        statement === undefined ? `there is no Livy ${entry}` : `there is no Livy ${entry} with this output`,
        { hint },
      )
}
