/** Requests both ways, as people and other islands see them. */
import { ArchipelError } from '../../protocols/model/errors.ts'
import { descending, pageOf } from '../../protocols/model/paging.ts'
import type { ReplicaRequestView } from '../../protocols/model/replica-request.ts'
import { withJournal } from '../../protocols/model/with-journal.ts'
import { book } from './book.ts'
import { incoming } from './incoming.ts'
import { outgoing } from './outgoing.ts'
import type { RequestsComponents, RequestsInit, RequestsPort, StoredRequest } from './port.ts'

const PAGE = 100
const PLAN_MS = 60_000

/** @see RequestsPort */
export function requests(init: RequestsInit, components: RequestsComponents): RequestsPort {
  const { self } = init
  const { nameOf, policy, journal, remote } = components
  const kept = book(components.store, init.kept)
  const inward = incoming(init, kept, components)
  const outward = outgoing(kept, components)
  const named = (id: string) => ({ id, name: nameOf(id) })

  const views = (of: readonly StoredRequest[]): ReplicaRequestView[] =>
    inward.shown(of).map(({ island, publisher, created, updated, owed, ...rest }) => ({
      ...rest,
      island: named(island),
      publisher: named(publisher),
      undelivered: owed,
      created: new Date(created).toISOString(),
      updated: new Date(updated).toISOString(),
    }))
  const view = (request: StoredRequest): ReplicaRequestView => views([request])[0]!

  function journalled<T>(action: string, subject: string, user: string, work: () => Promise<T>): Promise<T> {
    return withJournal(journal, { actor: `${user}@${self}`, action, subject }, work)
  }

  return {
    async start() {
      await kept.start()
      outward.talkToAll()
      inward.look()
    },
    async stop() {
      await outward.stop()
      await inward.stop()
      await kept.inTurn(async () => {})
    },
    async replicate(ref, { to, files = [], version, priority = 'normal', whenUsed, dryRun = false }, options = {}) {
      const { signal = AbortSignal.timeout(PLAN_MS), user = 'owner' } = options
      const island = components.islandNamed(to)
      if (island === self)
        throw new ArchipelError('BAD_INPUT', 'that is this island itself', {
          hint: 'archipel get <dataset> fetches it here.',
        })
      const pinned = await components.pin(ref, version, signal)
      policy.check({ island: self, user, action: 'replica:replicate', datasets: [pinned.dataset] })
      const now = Date.now()
      const request: StoredRequest = {
        ...pinned,
        id: components.newId(),
        files: [...new Set(files)].sort(),
        priority,
        user,
        ...(whenUsed ? { whenUsed } : {}),
        direction: 'outgoing',
        island,
        state: 'requested',
        owed: true,
        created: now,
        updated: now,
      }
      if (dryRun) {
        const { direction, island: _, state, owed, created, updated, ...wanted } = request
        const { id: __, ...status } = await remote.plan(island, wanted, signal)
        return view({ ...request, ...status, owed: false })
      }
      await journalled('replica:replicate', pinned.dataset, user, () => kept.inTurn(() => kept.put(request)))
      outward.talk(island)
      return view(request)
    },
    async list({ direction, limit = PAGE, cursor } = {}) {
      const order = ({ created, direction: way, island, id }: ReplicaRequestView) => [
        descending(Date.parse(created)),
        `${id} ${way} ${island.id}`,
      ]
      return pageOf(views(kept.all(direction)), order, { limit, cursor }, 'requests')
    },
    show: async (id) => view(kept.get(id)),
    async cancel(id, { user = 'owner' } = {}) {
      const request = kept.get(id)
      policy.check({ island: self, user, action: 'replica:cancel', datasets: [request.dataset] })
      const side = request.direction === 'incoming' ? inward : outward
      return view(await journalled('replica:cancel', id, user, () => side.cancel(request)))
    },
    used: inward.used,
    handle: inward.handle,
    news(island) {
      inward.look()
      if (island === undefined) outward.talkToAll()
      else outward.talk(island)
    },
  }
}
