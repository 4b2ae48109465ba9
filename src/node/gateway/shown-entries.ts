import { LivyRefusal } from '../../protocols/livy/refusal.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { logPage } from '../../protocols/model/log-page.ts'
import type { LivyEntryPage, LogPage } from '../../protocols/model/views.ts'
import type { Requester } from './requester/requester.ts'

const PAGE = 100

interface Options {
  signal?: AbortSignal
  user?: string
  /** Refuse what other users made. */
  onlyOwn?: boolean
}

/** What the web service shows of the endpoint's entries, in its own words and errors. */
export function shownEntries(requester: Pick<Requester, 'views' | 'sessions'>) {
  return {
    async list({ limit = PAGE, cursor }: { limit?: number; cursor?: string } = {}): Promise<LivyEntryPage> {
      if (cursor !== undefined && !/^\d{1,9}$/.test(cursor))
        throw new ArchipelError('BAD_INPUT', 'this cursor is not from a list of the Livy endpoint')
      const all = requester.views()
      const from = Number(cursor ?? 0)
      const items = all.slice(from, from + limit)
      const more = from + items.length < all.length
      return { items, total: all.length, ...(more ? { next: String(from + items.length) } : {}) }
    },
    async output(
      session: number,
      statement: number,
      { offset, limit }: { offset: number; limit: number },
      { signal, user = 'owner', onlyOwn = false }: Options = {},
    ): Promise<LogPage> {
      const who = { user, admin: !onlyOwn, signal: signal ?? new AbortController().signal }
      try {
        const { bytes, total, ended } = await requester.sessions.output(session, statement, { offset, limit }, who)
        return logPage(bytes, { offset, total, ended })
      } catch (error) {
        throw error instanceof LivyRefusal ? inOurWords(error, session, statement) : error
      }
    },
  }
}

function inOurWords(refusal: LivyRefusal, session: number, statement: number): ArchipelError {
  const hint = '`archipel livy list` shows the sessions of the Livy endpoint, with their statements.'
  if (refusal.status === 403)
    return new ArchipelError('FORBIDDEN', `the Livy session ${session} is of another user`, {
      hint: 'Ask its owner; an administrator sees it, too.',
    })
  return refusal.body === 'Statement not found'
    ? new ArchipelError('STATEMENT_NOT_FOUND', `the Livy session ${session} has no statement ${statement}`, { hint })
    : new ArchipelError('SESSION_NOT_FOUND', `there is no Livy session ${session} with this output`, { hint })
}
