import { ArchipelError } from '../../protocols/model/errors.ts'

export interface FairQueueInit {
  /** Pieces of work at a time. */
  slots: number
  /** That may wait, of all, of one group, and of one member of a group. */
  maxWaiting: number
  maxPerGroup: number
  maxPerMember: number
}

export interface Place {
  /** Resolves when it is this one's turn, with what gives the slot back; undefined when it left before. */
  readonly turn: Promise<(() => void) | undefined>
  /** Whether it waits. */
  readonly waiting: boolean
  leave(): void
}

export interface FairQueue {
  readonly running: number
  readonly waiting: number
  readonly slots: number
  /** `force`: whatever the bounds say, e.g. work that was accepted before a restart. @throws TOO_MANY */
  enter(group: string, member: string, options?: { force?: boolean }): Place
}

interface Waiter {
  group: string
  grant: () => void
}

/**
 * Slots, given to the members of groups in turns: who has a thousand pieces waiting does not make another wait for more
 * than one of them. Groups are served in turns, and so are the members within a group.
 */
export function fairQueue(init: FairQueueInit): FairQueue {
  // Insertion order is the order of turns: who was served goes to the end.
  const groups = new Map<string, Map<string, Waiter[]>>()
  const counts = new Map<string, number>()
  let running = 0
  let waiting = 0

  const count = (key: string, by: number) => {
    const next = (counts.get(key) ?? 0) + by
    if (next === 0) counts.delete(key)
    else counts.set(key, next)
  }
  const memberKey = (group: string, member: string) => `${group}\0${member}`

  function full(group: string, member: string): string | undefined {
    if (running >= init.slots && waiting >= init.maxWaiting)
      return `all slots are taken, and ${waiting} pieces of work wait`
    const ofGroup = counts.get(group) ?? 0
    if (ofGroup >= init.maxPerGroup) return `${ofGroup} pieces of work of that island are here already`
    const ofMember = counts.get(memberKey(group, member)) ?? 0
    if (ofMember >= init.maxPerMember) return `${ofMember} pieces of work of that user are here already`
    return undefined
  }

  function next(): Waiter | undefined {
    for (const [group, members] of groups) {
      for (const [member, waiters] of members) {
        const waiter = waiters.shift()!
        members.delete(member)
        groups.delete(group)
        if (waiters.length > 0) members.set(member, waiters)
        if (members.size > 0) groups.set(group, members)
        return waiter
      }
    }
    return undefined
  }

  function remove(group: string, member: string, waiter: Waiter): void {
    const members = groups.get(group)
    const left = members?.get(member)?.filter((w) => w !== waiter) ?? []
    if (left.length > 0) members?.set(member, left)
    else members?.delete(member)
    if (members?.size === 0) groups.delete(group)
  }

  return {
    get running() {
      return running
    },
    get waiting() {
      return waiting
    },
    slots: init.slots,
    enter(group, member, options = {}) {
      const why = options.force === true ? undefined : full(group, member)
      if (why !== undefined) throw new ArchipelError('TOO_MANY', why)
      let state: 'waiting' | 'running' | 'over' = 'waiting'
      const { promise, resolve } = Promise.withResolvers<(() => void) | undefined>()
      count(group, 1)
      count(memberKey(group, member), 1)
      const over = () => {
        state = 'over'
        count(group, -1)
        count(memberKey(group, member), -1)
      }
      const release = () => {
        if (state !== 'running') return
        over()
        running--
        const waiter = next()
        if (waiter !== undefined) waiter.grant()
      }
      const begin = () => {
        state = 'running'
        running++
        resolve(release)
      }
      const waiter: Waiter = {
        group,
        grant() {
          waiting--
          begin()
        },
      }
      if (running < init.slots) begin()
      else {
        waiting++
        const members = groups.get(group) ?? new Map<string, Waiter[]>()
        const waiters = members.get(member) ?? []
        waiters.push(waiter)
        members.set(member, waiters)
        groups.set(group, members)
      }
      return {
        turn: promise,
        get waiting() {
          return state === 'waiting'
        },
        leave() {
          if (state !== 'waiting') return
          remove(group, member, waiter)
          waiting--
          over()
          resolve(undefined)
        },
      }
    },
  }
}
