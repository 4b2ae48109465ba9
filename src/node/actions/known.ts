import { createHash } from 'node:crypto'
import { type ActionBody, actionBody } from '../../protocols/model/action.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import { shortName } from '../../protocols/model/ids.ts'
import { parseUntrusted } from '../../protocols/model/parse.ts'
import type { ActionView } from '../../protocols/model/views.ts'
import type { SignedRecord } from '../../protocols/record/envelope.ts'

export const KIND = 'action'
const MAX_CANDIDATES = 20

/** An action as it is kept here. */
export interface StoredAction {
  v: 1
  body: ActionBody
  user: string
  /** Milliseconds since 1970. */
  modified: number
}

export const actionId = (island: string, name: string) => `archipel:${island}/${name}`

/** What an action's text means: a name, of one island or of any. @throws BAD_ID */
export function parseActionRef(ref: string): { name: string; publisher?: string } {
  const text = ref.trim()
  const id = /^archipel:(isl[a-z2-7]{32})\/(.+)$/i.exec(text)
  const at = /^(.+)@(isl[a-z2-7]{32})$/.exec(text)
  const name = id?.[2] ?? at?.[1] ?? text
  if (!shortName.safeParse(name).success)
    throw new ArchipelError('BAD_ID', `not an action: ${JSON.stringify(text.slice(0, 120))}`, {
      hint: 'An action has a name, or an id like archipel:<island id>/<name>: `archipel actions list` shows them.',
    })
  const publisher = id?.[1]?.toLowerCase() ?? at?.[2]
  return publisher === undefined ? { name } : { name, publisher }
}

/** SHA-256 of what an action says, whatever the order of its fields. */
export function versionOf(body: unknown): string {
  const text = JSON.stringify(body, (_, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  )
  return createHash('sha256').update(text).digest('hex')
}

export interface Names {
  self: string
  nameOf(island: string): string
}

export function storedView(
  stored: StoredAction,
  record: SignedRecord | undefined,
  { self, nameOf }: Names,
): ActionView {
  return {
    ...stored.body,
    id: actionId(self, stored.body.name),
    publisher: { id: self, name: nameOf(self) },
    version: versionOf(stored.body),
    user: stored.user,
    own: true,
    ...(record === undefined ? {} : { shared: sharedOf(record) }),
    modified: new Date(stored.modified).toISOString(),
  }
}

/** Undefined for what is no action, or speaks for another island. */
export function recordView(record: SignedRecord, { self, nameOf }: Names): ActionView | undefined {
  const body = parseUntrusted(actionBody, record.body)
  if (!body.success || record.id !== actionId(record.origin, body.data.name)) return undefined
  const shared = sharedOf(record)
  return {
    ...body.data,
    id: record.id,
    publisher: { id: record.origin, name: nameOf(record.origin) },
    version: shared.version,
    own: record.origin === self,
    shared,
    modified: shared.time,
  }
}

function sharedOf(record: SignedRecord): { version: string; time: string } {
  return { version: versionOf(record.body), time: new Date(record.time).toISOString() }
}

/** The one that is meant. @throws ACTION_NOT_FOUND, AMBIGUOUS */
export function oneAction(ref: string, found: ActionView[]): ActionView {
  if (found.length === 1) return found[0]!
  const shown = JSON.stringify(ref.slice(0, 120))
  if (found.length === 0) throw new ArchipelError('ACTION_NOT_FOUND', `no action ${shown} is known here`)
  throw new ArchipelError('AMBIGUOUS', `${found.length} islands have an action ${shown}`, {
    hint: `Give its id, e.g. ${found[0]!.id}.`,
    details: { candidates: found.slice(0, MAX_CANDIDATES).map(({ id, publisher }) => ({ id, publisher })) },
  })
}
