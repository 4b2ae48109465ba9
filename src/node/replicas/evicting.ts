/** Room for what is asked for: replicas that nothing needs go, as drops do, the least needed first. */
import type { Logger } from 'pino'
import { toArchipelError } from '../../protocols/model/errors.ts'
import type { Eviction, EvictionOrder } from '../../protocols/model/replica.ts'
import type { EvictedReplica } from '../../protocols/model/transfer.ts'
import type { Copy, Unmet } from '../promises/port.ts'
import type { Replica } from './port.ts'
import type { ReplicaShelf } from './shelf.ts'
import type { Space } from './space.ts'

/** What is known of the use of replicas beside what stands in them. */
export interface Needs {
  /** Other islands that say they have all of that version. */
  holders(copy: Copy): string[]
  /** Rules that would have too few copies if of all holders these stay, this island gone. */
  unmet(copy: Copy, stay: readonly string[]): Unmet[]
  /** The promise that binds this island to keep it. */
  promised(copy: Copy): { to: string; until: number } | undefined
  /** Whether the rule or subscription that asked for it is still there. */
  lives(by: string): boolean
  /** Ids of the datasets that work has which waits or runs here. */
  running(): readonly string[]
}

export interface EvictingComponents {
  shelf: Pick<ReplicaShelf, 'all' | 'get'>
  space: Pick<Space, 'lacking'>
  needs: Needs
  /** A transfer is at work on it, or will be, or somebody reads it. */
  inUse(folder: string): boolean
  /** Deletes it as a drop does, unless it is `needed` by then. @returns its bytes. @throws as a drop */
  evict(replica: Replica, needed: () => boolean, options: { signal: AbortSignal }): Promise<number>
  journalled<T>(action: string, subject: string, user: string, work: () => Promise<T>): Promise<T>
  logger: Logger
}

export interface Evicting {
  /** Whether it would go, and why not. */
  judge(replica: Replica): Eviction
  /**
   * Makes room for so many bytes more, where that can be done at all; whoever needs them looks again afterwards.
   *
   * @param by what asks for them, where that is no person
   * @returns what went
   */
  makeRoom(bytes: number, options: { by: string | undefined; signal: AbortSignal }): Promise<EvictedReplica[]>
}

const RANK: Record<EvictionOrder, number> = { expired: 0, unneeded: 1, wanted: 2 }
/** What asks on behalf of others, or for what is here already, takes nobody's place. */
const TAKES_NO_PLACE = /^(request|repair)\b/

/** Bytes that are free when it is gone. */
export const freed = ({ held, shared = 0, parts = 0 }: Replica): number => Math.max(0, held.bytes - shared + parts)

export function evicting(init: { enabled: boolean }, components: EvictingComponents): Evicting {
  const { shelf, space, needs, inUse, logger } = components
  let turn: Promise<unknown> = Promise.resolve()

  const copyOf = ({ publisher, id, version }: Replica): Copy => ({ publisher, dataset: id, version })

  function isRunning({ id, body }: Replica): boolean {
    const running = needs.running()
    return running.includes(id) || (body?.aliases.some((alias) => running.includes(alias)) ?? false)
  }

  const no = (because: Eviction['because'], rule?: string): Eviction => ({
    may: false,
    because,
    ...(rule === undefined ? {} : { rule }),
  })

  /** Why it stays, whatever is needed. */
  function barred(replica: Replica): Eviction | undefined {
    if (!init.enabled) return no('off')
    if (replica.mode === 'pin') return no('pinned')
    if (inUse(replica.folder)) return no('moving')
    if (isRunning(replica)) return no('running')
    if (needs.promised(copyOf(replica)) !== undefined) return no('promised')
    const others = needs.holders(copyOf(replica))
    // Of what was only read, every byte came from somebody, and is fetched again.
    if (others.length === 0 && replica.held.files > 0) return no('last-copy')
    const [rule] = replica.state === 'available' ? needs.unmet(copyOf(replica), others) : []
    return rule === undefined ? undefined : no('rule', rule.rule)
  }

  function orderOf({ by, mode }: Replica): EvictionOrder {
    const lives = by !== undefined && needs.lives(by)
    if (mode === 'follow' || (lives && by.startsWith('subscription '))) return 'wanted'
    return by?.startsWith('rule ') && !lives ? 'expired' : 'unneeded'
  }

  const judge = (replica: Replica): Eviction => barred(replica) ?? { may: true, because: orderOf(replica) }

  const lastUse = ({ used, added }: Replica) => Math.max(used ?? 0, added)

  /** Those that go for it, if they may, first those that go first. */
  function inOrder(by: string | undefined): Replica[] {
    if (by !== undefined && TAKES_NO_PLACE.test(by)) return []
    const most = by === undefined ? RANK.wanted : RANK.unneeded
    return shelf
      .all()
      .filter((replica) => freed(replica) > 0)
      .map((replica) => ({ replica, rank: RANK[orderOf(replica)] }))
      .filter(({ rank }) => rank <= most)
      .sort((a, b) => a.rank - b.rank || lastUse(a.replica) - lastUse(b.replica))
      .map(({ replica }) => replica)
  }

  /** Whether those that may go are enough; no more of them are judged than that takes. */
  function isEnough(replicas: readonly Replica[], bytes: number): boolean {
    let sum = 0
    return replicas.some((replica) => {
      if (judge(replica).may) sum += freed(replica)
      return sum >= bytes
    })
  }

  async function one(replica: Replica, signal: AbortSignal): Promise<EvictedReplica | undefined> {
    const { folder, id: dataset, name, version } = replica
    const needed = () => {
      const now = shelf.get(folder)
      return now === undefined || !judge(now).may
    }
    if (needed()) return undefined
    try {
      const bytes = await components.journalled('replica:evict', dataset, 'island', () =>
        components.evict(replica, needed, { signal }),
      )
      logger.info({ dataset, bytes }, 'a replica made room for others')
      return { dataset, name, version, bytes }
    } catch (cause) {
      signal.throwIfAborted()
      logger.info({ dataset, code: toArchipelError(cause).code }, 'a replica could not make room for others')
      return undefined
    }
  }

  async function room(bytes: number, by: string | undefined, signal: AbortSignal): Promise<EvictedReplica[]> {
    const lacking = space.lacking(bytes)
    if (lacking <= 0) return []
    const replicas = inOrder(by)
    // Nothing goes for what has no room even then.
    if (!isEnough(replicas, lacking)) return []
    const gone: EvictedReplica[] = []
    for (const replica of replicas) {
      if (space.lacking(bytes) <= 0) break
      const evicted = await one(replica, signal)
      if (evicted !== undefined) gone.push(evicted)
    }
    return gone
  }

  return {
    judge,
    makeRoom(bytes, { by, signal }) {
      const next = turn.then(() => room(bytes, by, signal))
      turn = next.catch(() => {})
      return next
    },
  }
}
