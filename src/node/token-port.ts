/** Tokens for the web service, with what is done to them in the journal. */
import { toArchipelError } from '../protocols/model/errors.ts'
import type { AccessPort, CallOptions, IslandPort } from '../web/ports.ts'
import type { TokenBook } from './identity/token-book.ts'
import type { JournalPort } from './journal/journal.ts'

type Entry = { actor: string; action: string; subject: string }

/** The work, and a line on how it ended. */
async function noted<T>(journal: JournalPort, entry: Entry, work: () => Promise<T>): Promise<T> {
  try {
    const done = await work()
    journal.write({ ...entry, outcome: 'ok' })
    return done
  } catch (cause) {
    journal.write({ ...entry, outcome: 'failed', code: toArchipelError(cause).code })
    throw cause
  }
}

const actorOf = (self: string, { user = 'owner' }: CallOptions = {}) => `${user}@${self}`

/** The functions of the island that are about tokens. */
export function tokenPort(
  book: TokenBook,
  journal: JournalPort,
  self: string,
): Pick<IslandPort, 'tokens' | 'signInCode'> {
  return {
    tokens: {
      create: (request, options) =>
        noted(
          journal,
          {
            actor: actorOf(self, options),
            action: 'token:create',
            subject: `${request.name} (${request.scopes.join(', ')})`,
          },
          () => book.create(request),
        ),
      list: async (query) => book.list(query),
      revoke: (ref, options) =>
        noted(journal, { actor: actorOf(self, options), action: 'token:revoke', subject: ref }, () => book.revoke(ref)),
    },
    signInCode: async ({ scopes }, options) =>
      book.signInCode({ name: options?.user ?? 'owner', scopes: scopes ?? ['admin'] }),
  }
}

/** Who may call. Refused codes are not journalled: anybody can send some, and the journal is bounded. */
export function journalled(book: TokenBook, journal: JournalPort, self: string): AccessPort {
  return {
    authenticate: book.authenticate,
    async signIn(code) {
      const signedIn = await book.signIn(code)
      const { name, id } = signedIn.caller
      journal.write({ actor: `${name}@${self}`, action: 'browser:sign-in', subject: id, outcome: 'ok' })
      return signedIn
    },
    signOut: (caller) =>
      noted(journal, { actor: `${caller.name}@${self}`, action: 'browser:sign-out', subject: caller.id }, () =>
        book.signOut(caller),
      ),
  }
}
