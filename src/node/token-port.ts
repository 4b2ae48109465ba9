/** Tokens for the web service, with what is done to them in the journal. */
import type { NewToken, SignInCode, TokenPage, TokenQuery, TokenRequest, TokenView } from '../protocols/model/views.ts'
import { withJournal } from '../protocols/model/with-journal.ts'
import { fileUrls, type SharedFile } from './identity/file-urls.ts'
import type { Holder, TokenBook } from './identity/token-book.ts'
import type { JournalPort } from './journal/journal.ts'

/** Who asks; the owner when nobody is named. */
type By = { user?: string }

const actorOf = (self: string, { user = 'owner' }: By = {}) => `${user}@${self}`

export interface TokenPort {
  tokens: {
    create(request: TokenRequest, options?: By): Promise<NewToken>
    list(query: TokenQuery): Promise<TokenPage>
    revoke(ref: string, options?: By): Promise<TokenView>
  }
  signInCode(request: { scopes?: TokenView['scopes'] }, options?: By): Promise<SignInCode>
}

export interface TokenAccess {
  authenticate(token: string): Holder
  signIn(code: string): Promise<{ token: string; caller: Holder }>
  signOut(caller: Pick<Holder, 'id' | 'name'>): Promise<void>
  fileUrl(capability: string, name: string): { file: SharedFile; caller: Holder }
}

/** The functions of the island that are about tokens. */
export function tokenPort(book: TokenBook, journal: JournalPort, self: string): TokenPort {
  return {
    tokens: {
      create: (request, options) =>
        withJournal(
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
        withJournal(journal, { actor: actorOf(self, options), action: 'token:revoke', subject: ref }, () =>
          book.revoke(ref),
        ),
    },
    signInCode: async ({ scopes }, options) =>
      book.signInCode({ name: options?.user ?? 'owner', scopes: scopes ?? ['admin'] }),
  }
}

/** Who may call. Refused codes are not journalled: anybody can send some, and the journal is bounded. */
export function journalled(book: TokenBook, journal: JournalPort, self: string): TokenAccess {
  const urls = fileUrls(self, book)
  return {
    authenticate: book.authenticate,
    fileUrl(capability, name) {
      const { file, holder } = urls.read(capability, name)
      return { file, caller: holder }
    },
    async signIn(code) {
      const signedIn = await book.signIn(code)
      const { name, id } = signedIn.caller
      journal.write({ actor: `${name}@${self}`, action: 'browser:sign-in', subject: id, outcome: 'ok' })
      return signedIn
    },
    signOut: (caller) =>
      withJournal(journal, { actor: `${caller.name}@${self}`, action: 'browser:sign-out', subject: caller.id }, () =>
        book.signOut(caller),
      ),
  }
}
