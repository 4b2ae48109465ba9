import { ArchipelError } from '../../protocols/model/errors.ts'

export interface PolicyRequest {
  /** Island id of who asks; the own id for local work. */
  island: string
  user: string
  action: 'task:run' | 'dataset:publish' | 'dataset:unpublish' | 'member:invite' | 'member:revoke' | 'archipelago:leave'
  /** Kind of work, e.g. `sql`. */
  kind?: string
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
  /** When not empty: only these islands' forwarded work. */
  allow: string[]
}

/** The first policy: the owner may do everything at home, members may run SELECTs over published data unless the site says otherwise. */
export function memberPolicy(init: PolicyInit): PolicyPort {
  return {
    check(request) {
      if (request.island === init.self) return
      if (request.action !== 'task:run')
        throw new ArchipelError('FORBIDDEN', `${request.action} is for this island's owner only`)
      if (request.kind !== 'sql')
        throw new ArchipelError('FORBIDDEN', `forwarded ${request.kind ?? 'work'} is not accepted here`)
      if (init.sql === 'none') throw new ArchipelError('FORBIDDEN', 'this island runs no forwarded SQL')
      if (init.allow.length > 0 && !init.allow.includes(request.island))
        throw new ArchipelError('FORBIDDEN', 'this island runs forwarded SQL for some members only')
    },
  }
}
