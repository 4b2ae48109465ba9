import { ArchipelError } from '../../protocols/model/errors.ts'

export interface PolicyRequest {
  /** Island id of who asks; the own id for local work. */
  island: string
  user: string
  action:
    | 'task:run'
    | 'dataset:publish'
    | 'dataset:unpublish'
    | 'dataset:fetch'
    | 'replica:get'
    | 'replica:drop'
    | 'replica:verify'
    | 'replica:request'
    | 'replica:replicate'
    | 'replica:cancel'
    | 'subscription:create'
    | 'subscription:change'
    | 'rule:add'
    | 'rule:remove'
    | 'rule:obey'
    | 'member:invite'
    | 'member:revoke'
    | 'archipelago:leave'
  /** Kind of work, e.g. `sql`. */
  kind?: string
  /** The engine that has to run it, where it has to be a certain one. */
  engine?: 'livy' | 'embedded'
  datasets?: string[]
}

/** Each site decides alone what it accepts. Every capability asks before it acts. */
export interface PolicyPort {
  /** @throws FORBIDDEN with the reason */
  check(request: PolicyRequest): void
}

export interface PolicyInit {
  self: string
  /** Whose forwarded SQL runs here. */
  sql: 'members' | 'none'
  /** When not empty: only these islands' forwarded SQL. */
  allow: string[]
  /** Who may fetch the files of what is held here. Default `members`. */
  fetch?: 'members' | 'none'
  /** When not empty: only these islands may. */
  fetchAllow?: string[]
  /** Whose rules about copies are obeyed here: island ids, or `members`. Default none but the own. */
  rules?: string[]
  /** Whose requests to hold data are taken. Default `none`. */
  replicate?: 'members' | 'none'
  /** When not empty: only those of these islands. */
  replicateAllow?: string[]
  /** Whose forwarded programs run here: island ids, or `user@<island id>`. Default none. */
  python?: string[]
  r?: string[]
  /** Whose forwarded work runs on this island's Spark, in whatever language: as for Python. Default none. */
  spark?: string[]
}

const PROGRAMS = { python: 'Python programs', r: 'R programs', spark: 'work on Spark' } as const

/**
 * The first policy: the owner may do everything at home; members may run SELECTs over published data and fetch its files
 * unless the site says otherwise; programs of others, and anything on Spark, run only for those that the site names.
 */
export function memberPolicy(init: PolicyInit): PolicyPort {
  const refuse = (why: string, hint?: string) => new ArchipelError('FORBIDDEN', why, hint === undefined ? {} : { hint })

  function checkSql(island: string): void {
    if (init.sql === 'none') throw refuse('this island runs no forwarded SQL')
    if (init.allow.length > 0 && !init.allow.includes(island))
      throw refuse('this island runs forwarded SQL for some members only')
  }

  function checkFetch(island: string): void {
    if (init.fetch === 'none') throw refuse('this island gives no files to others')
    const named = init.fetchAllow ?? []
    if (named.length > 0 && !named.includes(island))
      throw refuse(
        'this island gives its files to some members only',
        `Its operator can name you: policy.fetch.allow takes ${island}.`,
      )
  }

  function checkRule(island: string): void {
    const from = init.rules ?? []
    if (!from.includes('members') && !from.includes(island))
      throw refuse(
        'this island obeys its own rules only, or those of some members',
        `Its operator can name you: rules.accept takes ${island}.`,
      )
  }

  function checkReplicate(island: string): void {
    if (init.replicate !== 'members') throw refuse('this island holds no data for others')
    const named = init.replicateAllow ?? []
    if (named.length > 0 && !named.includes(island))
      throw refuse(
        'this island holds data for some members only',
        `Its operator can name you: policy.replicate.allow takes ${island}.`,
      )
  }

  function checkNamed(kind: keyof typeof PROGRAMS, { island, user }: PolicyRequest): void {
    const named = init[kind] ?? []
    if (named.includes(island) || named.includes(`${user}@${island}`)) return
    const what = PROGRAMS[kind]
    throw refuse(
      named.length === 0
        ? `this island runs no forwarded ${what}`
        : `this island runs forwarded ${what} for those only that its operator named`,
      `Its operator can name you: policy.forwarded.${kind} takes ${island} or ${user}@${island}.`,
    )
  }

  return {
    check(request) {
      if (request.island === init.self) return
      if (request.action === 'rule:obey') return checkRule(request.island)
      if (request.action === 'dataset:fetch') return checkFetch(request.island)
      if (request.action === 'replica:request') return checkReplicate(request.island)
      if (request.action !== 'task:run') throw refuse(`${request.action} is for this island's owner only`)
      const { kind } = request
      if (request.engine === 'livy' || kind === 'scala' || kind === 'jar') checkNamed('spark', request)
      else if (kind === 'sql') checkSql(request.island)
      else if (kind === 'python' || kind === 'r') checkNamed(kind, request)
      else throw refuse(`forwarded ${request.kind ?? 'work'} is not accepted here`)
    },
  }
}
