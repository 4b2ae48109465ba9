/** The functions of an island for its web service, built from the parts. */
import { createHash } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import type { Logger } from 'pino'
import { encodeTicket } from '../protocols/join/ticket.ts'
import type { CallOptions } from '../protocols/model/call-options.ts'
import { ArchipelError } from '../protocols/model/errors.ts'
import { parseRef } from '../protocols/model/ids.ts'
import { pageOf } from '../protocols/model/paging.ts'
import type { IslandView } from '../protocols/model/views.ts'
import { withJournal } from '../protocols/model/with-journal.ts'
import { signerFromSeed } from '../protocols/record/keys.ts'
import { buildLeft, MEMBER_KIND } from '../protocols/record/member-facts.ts'
import type { IslandLivy, IslandPort } from '../web/ports.ts'
import { retire } from './archipelago.ts'
import type { BrowsePort } from './browse/browse.ts'
import type { CatalogPort } from './catalog/port.ts'
import { shownSettings } from './config/load.ts'
import type { Config } from './config/schema.ts'
import type { Contents } from './contents/contents.ts'
import type { DatasetsPort } from './datasets/datasets.ts'
import type { EnginePort } from './engines/port.ts'
import type { EventsPort } from './events.ts'
import { fileUrlPort } from './file-url-port.ts'
import { fileUrls } from './identity/file-urls.ts'
import { type KeyPair, parseRecoveryKey } from './identity/keys.ts'
import type { TicketBook } from './identity/tickets.ts'
import type { TokenBook } from './identity/token-book.ts'
import type { JournalPort } from './journal/journal.ts'
import { revoker } from './members/revoke.ts'
import type { Roster } from './members/roster.ts'
import type { NetworkPort } from './network/port.ts'
import type { PolicyPort } from './policy/policy.ts'
import type { PresencePort } from './presence/presence.ts'
import { greets, type ReachPort } from './presence/reach.ts'
import { replicaPort } from './replica-port.ts'
import type { Replication } from './replication.ts'
import type { RequestsPort } from './requests/port.ts'
import { type ResolverPort, splitPublisher } from './resolve/resolver.ts'
import type { RulesPort } from './rules/port.ts'
import type { Sessions } from './sessions/sessions.ts'
import { findings } from './status/findings.ts'
import type { SubscriptionsPort } from './subscriptions/port.ts'
import { tokenPort } from './token-port.ts'
import { SOFTWARE } from './version.ts'
import { publishedId, versionPort } from './version-port.ts'
import type { Work } from './work.ts'

export interface IslandParts {
  config: Config
  self: string
  archipelago: { id: string; name: string }
  startedAt: number
  logger: Logger
  /** Aborts when the island stops. */
  signal: AbortSignal
  catalog: CatalogPort
  roster: Roster
  presence: PresencePort
  reach: ReachPort
  network: NetworkPort
  browse: BrowsePort
  resolver: ResolverPort
  work: Work
  moving: Replication
  subscriptions: SubscriptionsPort
  rules: RulesPort
  requests: RequestsPort
  contents: Contents
  sessions: Sessions
  livy: IslandLivy
  datasets: DatasetsPort
  engine: EnginePort
  policy: PolicyPort
  journal: JournalPort
  tickets: TicketBook
  tokens: TokenBook
  sync: { flush(): Promise<number> }
  events: EventsPort
  webUrl: () => string | undefined
  islandNamed: (text: string) => string
  key: KeyPair
  adminKey: KeyPair | undefined
  /** Public admin keys of the genesis. */
  admins: readonly Uint8Array[]
  /** `forGood`: it will not come back. */
  stop: (options?: { forGood?: boolean }) => Promise<void>
}

/** Islands on a page. */
const ISLANDS = 100
const TICKET_MS = 24 * 3_600_000
const MAX_TICKET_MS = 90 * 24 * 3_600_000
/** The answer to `leave` has to get out before the web service stops. */
const LEAVE_DELAY_MS = 300
const MAX_ADDRESSES = 8

export function viewOfIsland(
  id: string,
  parts: Pick<IslandParts, 'self' | 'roster' | 'presence' | 'network' | 'browse' | 'catalog'>,
): IslandView | undefined {
  const { roster, presence, network, self } = parts
  const member = roster.member(id)
  if (member === undefined || member.state !== 'member') return undefined
  const connection = network.connections().find((c) => c.peerId === roster.peerOf(id))
  const seen = presence.of(id)
  return {
    id,
    card: roster.card(id),
    name: roster.nameOf(id),
    self: id === self,
    liveness: id === self || connection !== undefined ? 'live' : seen.liveness,
    connected: id === self ? 'direct' : connection === undefined ? 'no' : connection.relayed ? 'relayed' : 'direct',
    rttMs: id === self ? 0 : connection === undefined ? undefined : seen.rttMs,
    load: seen.load,
    lastSeen:
      id === self
        ? new Date().toISOString()
        : seen.lastSeen === undefined
          ? undefined
          : new Date(seen.lastSeen).toISOString(),
    datasets: parts.browse.heldBy(id),
    member: {
      since: new Date(member.since).toISOString(),
      invitedBy: member.admittedBy === id ? undefined : member.admittedBy,
      mayInvite: member.mayInvite,
    },
    quarantined: parts.catalog.membership().quarantined.has(id),
  }
}

const limitsOf = ({ islands, connectionBytes, connectionMs }: Config['network']['relay']) => ({
  islands,
  connectionBytes,
  connectionMs,
})

export function islandPort(parts: IslandParts): IslandPort {
  const { config, self, catalog, roster, network, browse, resolver, datasets, policy, journal, tickets } = parts
  const signer = signerFromSeed(parts.key.seed)
  const admins = () => (parts.adminKey === undefined ? undefined : signerFromSeed(parts.adminKey.seed))
  const revoke = revoker({ archipelagoId: parts.archipelago.id, self, admins: parts.admins }, { catalog, tickets })

  const signalOf = (options: { signal?: AbortSignal }) =>
    options.signal === undefined ? parts.signal : AbortSignal.any([parts.signal, options.signal])

  const mayInvite = () => roster.member(self)?.mayInvite === true

  async function one(ref: string) {
    const located = await resolver.locate(ref, { via: 'catalog', confirm: false })
    const claim = resolver.one(ref, located)
    const view = await browse.view(claim.publisher, claim.id)
    if (view === undefined) throw new ArchipelError('DATASET_NOT_FOUND', `${ref} is not in the catalog any more`)
    return view
  }

  /** Addresses for a ticket: those that are reachable, or all when the owner says that the newcomer is on this machine. */
  async function ticketAddresses(local: boolean, signal: AbortSignal): Promise<string[]> {
    const announced = network.addresses().announced
    if (local) {
      if (announced.length === 0) throw unreachableForInvite('this island listens on no address')
      return announced.slice(0, MAX_ADDRESSES)
    }
    const outside = announced.filter((a) => !isLoopback(a))
    if (outside.length === 0)
      throw unreachableForInvite('this island announces only addresses that lead to this machine itself')
    const relayed = outside.filter((a) => a.includes('/p2p-circuit'))
    const direct = outside.filter((a) => !a.includes('/p2p-circuit'))
    const checked = direct.length === 0 ? false : await parts.reach.check({ signal })
    if (checked === false && direct.length > 0)
      throw unreachableForInvite('peers tried the announced addresses and could not connect')
    if (checked === 'unknown') {
      // Nobody there to ask yet: at least this machine has to get an answer at the address.
      const answers = await Promise.all(direct.map(async (a) => greets(a, signal)))
      if (!answers.includes(true)) throw unreachableForInvite('nothing answers at the announced addresses')
    }
    if (direct.length === 0 && relayed.length > 0)
      throw unreachableForInvite('this island is reached through relays only, which serve no strangers')
    return direct.slice(0, MAX_ADDRESSES)
  }

  return {
    async status() {
      const { announced, listening } = network.addresses()
      const connections = network.connections()
      const catalogStatus = catalog.status()
      const engine = parts.engine.status()
      const info = parts.engine.info()
      const livy = parts.engine.engines().find((each) => each.info.kind === 'livy')?.status
      const disk = await statfs(config.dataDir)
      const freeBytes = disk.bavail * disk.bsize
      const totalBytes = disk.blocks * disk.bsize
      const membership = catalog.membership()
      const members = roster.all()
      const relays = announced.filter((a) => a.includes('/p2p-circuit')).length
      const direct = announced.filter((a) => !a.includes('/p2p-circuit'))
      const quarantined = catalogStatus.quarantined.map((q) => q.origin)
      const own = catalogStatus.own ?? { epoch: 0, seq: 0 }
      return {
        id: self,
        name: config.name,
        peerId: network.peerId,
        archipelago: parts.archipelago,
        software: SOFTWARE,
        startedAt: new Date(parts.startedAt).toISOString(),
        listening,
        announced,
        reachable: parts.reach.last(),
        web: parts.webUrl() ?? '',
        peers: {
          connected: connections.length,
          relayed: connections.filter((c) => c.relayed).length,
          members: members.length,
        },
        ...(config.network.relay.serve ? { relay: limitsOf(config.network.relay) } : {}),
        catalog: {
          records: catalogStatus.records,
          origins: catalogStatus.origins,
          datasets: browse.count(),
          epoch: own.epoch,
          seq: own.seq,
          digest: digestOf(catalog),
          quarantined,
        },
        engines: parts.engine
          .engines()
          .filter((each) => each.info.kind !== 'disabled')
          .map(({ info: { kind, languages, version }, status: { state, sandbox } }) => ({
            kind,
            state,
            sandbox,
            languages,
            version,
          })),
        disk: { freeBytes, totalBytes },
        memoryBytes: process.memoryUsage().rss,
        roles: { admin: parts.adminKey !== undefined, mayInvite: mayInvite() },
        findings: findings({
          members: members.length,
          connected: connections.length,
          relayed: connections.filter((c) => c.relayed).length,
          reachable: parts.reach.last(),
          announces: direct.length > 0,
          loopbackOnly: direct.length > 0 && direct.every(isLoopback),
          relayReservations: relays,
          skewMs: parts.presence.skewMs() ?? catalogStatus.clockSkewMs,
          maxClockSkewMs: config.catalog.maxClockSkewMs,
          engine: {
            kind: info.kind,
            state: engine.state,
            sandbox: engine.sandbox,
            ...(engine.reason === undefined ? {} : { reason: engine.reason }),
            ...(engine.sandboxReason === undefined ? {} : { sandboxReason: engine.sandboxReason }),
            ...(engine.missing === undefined ? {} : { missing: engine.missing }),
            forwarded: {
              python: config.policy.forwarded.python.length > 0,
              r: config.policy.forwarded.r.length > 0,
            },
          },
          ...(livy === undefined
            ? {}
            : { livy: { state: livy.state, ...(livy.reason === undefined ? {} : { reason: livy.reason }) } }),
          disk: { freeBytes, totalBytes },
          results: { bytes: await parts.work.resultsBytes(), totalBytes: config.tasks.resultsBytes },
          quarantined: quarantined.filter((o) => o !== self),
          selfQuarantined: membership.quarantined.has(self),
          selfRevoked: roster.member(self)?.state === 'revoked',
          recoveries: catalogStatus.recoveries,
          twins: parts.presence.twins().map(roster.nameOf),
          recovering: catalogStatus.recovering && members.length > 1,
          catalogOff: !config.catalog.enabled,
          staleDatasets: await datasets.stale(),
          lostDatasets: await datasets.lost(),
          pausedSubscriptions: parts.subscriptions.troubled(),
        }),
      }
    },

    async islands({ limit = ISLANDS, cursor } = {}) {
      const views = roster.all().flatMap((m) => viewOfIsland(m.id, parts) ?? [])
      const order = (view: IslandView) => [view.self ? '0' : '1', view.name, view.id]
      return pageOf(views, order, { limit, ...(cursor === undefined ? {} : { cursor }) }, 'islands')
    },

    datasets: (filter) => browse.datasets(filter),
    dataset: (ref) => one(ref),
    files: async (ref, page, options = {}) => parts.contents.files(await one(ref), page, signalOf(options)),
    async preview(ref, { rows, elsewhere = true }, options = {}) {
      const { user = 'owner' } = options
      return await parts.contents.preview(await one(ref), { rows, elsewhere, user, signal: signalOf(options) })
    },

    async publish(request, options = {}) {
      const id = await datasets.publish(request, options)
      const view = await browse.view(self, id)
      if (view === undefined) throw new ArchipelError('INTERNAL', 'the dataset was published but is not in the catalog')
      return view
    },

    async unpublish(ref, options) {
      const id = await publishedId(parts, ref)
      await datasets.unpublish(id, options)
      await parts.work.unpublished()
      return { id }
    },

    async resolve(request, options) {
      try {
        return await resolver.resolve(request, options)
      } catch (cause) {
        throw config.catalog.enabled ? cause : withoutCatalog(cause, request.ref)
      }
    },
    ...versionPort(parts, one),
    ...replicaPort(parts.moving.replicas),
    ...fileUrlPort({ self, replicas: parts.moving.replicas, urls: fileUrls(self, parts.tokens), journal }),
    subscriptions: parts.subscriptions,
    rules: parts.rules,
    requests: parts.requests,
    replicate: parts.requests.replicate,
    sql: (request, options) => parts.work.sql(request, options),
    tasks: parts.work.tasks,
    mains: parts.work.mains,
    actions: parts.work.actions,
    sessions: parts.sessions.sessions,
    statements: parts.sessions.statements,
    livy: parts.livy,
    ...tokenPort(parts.tokens, journal, self),

    async invite(request, options = {}) {
      const user = userOf(options)
      policy.check({ island: self, user, action: 'member:invite' })
      if (!mayInvite())
        throw new ArchipelError('FORBIDDEN', 'this island may not invite others', {
          hint: 'Ask a member that may; `archipel islands --json` shows who.',
        })
      const expiresMs = request.expiresMs ?? TICKET_MS
      if (expiresMs < 1000 || expiresMs > MAX_TICKET_MS)
        throw new ArchipelError('BAD_INPUT', 'a ticket is good for at least a second and at most 90 days')
      const signal = signalOf(options)
      const addresses = await ticketAddresses(request.local === true, signal)
      const issued = await tickets.issue({ expiresMs, mayInvite: request.mayInvite === true })
      const ticket = encodeTicket(
        {
          v: 1,
          archipelago: parts.archipelago.id,
          name: parts.archipelago.name,
          issuer: self,
          key: signer.publicKey,
          addresses,
          id: issued.id,
          secret: issued.secret,
          expires: issued.expires,
        },
        signer,
      )
      journal.write({ actor: `${user}@${self}`, action: 'member:invite', subject: issued.id, outcome: 'ok' })
      return {
        ticket,
        id: issued.id,
        expires: new Date(issued.expires).toISOString(),
        mayInvite: request.mayInvite === true,
      }
    },

    async revoke(request, options) {
      const user = userOf(options)
      policy.check({ island: self, user, action: 'member:revoke' })
      const admin =
        request.recoveryKey === undefined ? admins() : signerFromSeed(parseRecoveryKey(request.recoveryKey).seed)
      const subject = request.member ?? request.ticket ?? ''
      const revoked = await withJournal(
        journal,
        { actor: `${user}@${self}`, action: 'member:revoke', subject },
        async () =>
          request.ticket !== undefined
            ? await revoke.ticket(request.ticket, admin)
            : await revoke.member(parts.islandNamed(request.member ?? ''), request.invitees ?? 'keep', admin),
      )
      return { revoked }
    },

    async pardon(request, options) {
      const user = userOf(options)
      policy.check({ island: self, user, action: 'member:revoke' })
      const admin =
        request.recoveryKey === undefined ? admins() : signerFromSeed(parseRecoveryKey(request.recoveryKey).seed)
      const island = catalog.membership().members.has(request.island)
        ? request.island
        : parts.islandNamed(request.island)
      const epoch = await revoke.pardon(island, admin)
      journal.write({ actor: `${user}@${self}`, action: 'member:pardon', subject: island, outcome: 'ok' })
      return { pardoned: island, epoch }
    },

    async leave(options) {
      const user = userOf(options)
      policy.check({ island: self, user, action: 'archipelago:leave' })
      const stopAndRetire = () => {
        setTimeout(() => {
          void parts
            .stop({ forGood: true })
            .then(() => retire(config.dataDir))
            .catch((error: unknown) =>
              parts.logger.error({ err: error }, 'the island left, but its files could not be put aside'),
            )
        }, LEAVE_DELAY_MS)
      }
      // Nobody listens to a revoked island: there is nothing to withdraw.
      if (roster.member(self)?.state === 'revoked') {
        stopAndRetire()
        return { withdrawn: 0, toldPeers: 0 }
      }
      const withdrawals: { kind: string; id: string }[] = []
      // Admissions stay: those that this island invited are members by them.
      for (const kind of ['replica', 'dataset', 'island', 'rule', 'action', 'channel']) {
        for await (const record of catalog.own(kind)) withdrawals.push({ kind, id: record.id })
      }
      const left = buildLeft(self)
      await catalog.appendMany([...withdrawals, { kind: MEMBER_KIND, id: left.id, body: left.body }])
      journal.write({
        actor: `${user}@${self}`,
        action: 'archipelago:leave',
        subject: parts.archipelago.id,
        outcome: 'ok',
      })
      const toldPeers = await parts.sync.flush()
      stopAndRetire()
      return { withdrawn: withdrawals.length, toldPeers }
    },

    journal: (page) => journal.read(page),
    config: async () => ({ settings: shownSettings(config) }),
    events: (options) => parts.events.subscribe(options?.signal),
  }
}

/** For the journal and the policy: the owner where nobody else is named. */
const userOf = (options: CallOptions = {}) => options.user ?? 'owner'

/** Over the heads of all logs that count: each commits to its set of records. */
function digestOf(catalog: CatalogPort): string {
  const lines = catalog
    .heads()
    .map((h) => `${h.origin} ${h.audience} ${h.epoch} ${h.seq} ${Buffer.from(h.liveHash).toString('hex')}`)
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex')
}

function isLoopback(address: string): boolean {
  return /^\/ip4\/127\.|^\/ip6\/::1\/|^\/dns[46]?\/localhost\//.test(address)
}

function unreachableForInvite(why: string): ArchipelError {
  return new ArchipelError('NOT_REACHABLE', `a newcomer could not reach this island: ${why}`, {
    hint: 'Set network.listen (e.g. /ip4/0.0.0.0/tcp/9410) and network.announce to an address that others can dial, open the port, restart; for a newcomer on this same machine use --local.',
  })
}

/** Not found by a short name, where the DHT alone knows what others have. */
function withoutCatalog(cause: unknown, ref: string): unknown {
  if (
    !(cause instanceof ArchipelError) ||
    cause.code !== 'DATASET_NOT_FOUND' ||
    'id' in parseRef(splitPublisher(ref).ref)
  )
    return cause
  return new ArchipelError('BAD_ID', `the DHT knows ids only, not the short name ${splitPublisher(ref).ref}`, {
    hint: 'catalog.enabled is false on this island, so that it does not hear the names of others: give the id.',
    cause,
  })
}
