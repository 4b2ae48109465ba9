import { ArchipelError } from '../../protocols/model/errors.ts'
import { decodeRecord, type SignedRecord } from '../../protocols/record/envelope.ts'
import { archipelagoIdOf, decodeGenesis } from '../../protocols/record/genesis.ts'
import {
  verify as ed25519,
  verifyMany as ed25519Many,
  type Verify,
  type VerifyMany,
} from '../../protocols/record/keys.ts'
import { Announcer } from './announcer.ts'
import { Answers } from './answers.ts'
import { Applier } from './apply.ts'
import { Checks } from './checks.ts'
import type { CatalogComponents, CatalogInit, CatalogLogger, Context } from './context.ts'
import { catalogEvents } from './events.ts'
import { takeGossip } from './gossip.ts'
import { Hints } from './hints.ts'
import { bodyProblem } from './kinds.ts'
import { ANNOUNCE_MS, MAX_CLOCK_SKEW_MS, PURGE_MS, TOMBSTONE_MS } from './limits.ts'
import { Members } from './members.ts'
import { Orphans } from './orphans.ts'
import { OwnLog } from './own-log.ts'
import type { CatalogPort, CatalogStatus, Clock, Entry } from './port.ts'
import { Puller } from './puller.ts'
import { purgeWithdrawals } from './purge.ts'
import { Rounds } from './rounds.ts'
import { LogTable } from './table.ts'
import { Verifier } from './verifier.ts'

export type { CatalogComponents, CatalogInit } from './context.ts'

const SYSTEM_CLOCK: Clock = {
  now: Date.now,
  after(ms, fn) {
    const timer = setTimeout(fn, ms).unref()
    return () => clearTimeout(timer)
  },
}

const SILENT: CatalogLogger = { info() {}, warn() {}, debug() {} }

/**
 * What all islands know, at this island: its own log, and everybody else's as far as heard. Does no I/O before `start`.
 *
 * @throws ARCHIPELAGO_MISMATCH when the genesis record is not that of the archipelago; RECORD_INVALID when it is none
 */
export function catalog(init: CatalogInit, components: CatalogComponents): CatalogPort {
  const genesis = decodeGenesis(init.genesis)
  if (archipelagoIdOf(init.genesis) !== init.archipelagoId) {
    throw new ArchipelError('ARCHIPELAGO_MISMATCH', 'the genesis record is that of another archipelago')
  }
  const logger = components.logger ?? SILENT
  const { on, emit, hasListeners } = catalogEvents((error) =>
    logger.warn({ err: error }, 'a listener of the catalog failed'),
  )
  const stopping = new AbortController()
  const underway = new Set<Promise<unknown>>()
  const verify = components.verify ?? ed25519
  const context: Context = {
    archipelagoId: init.archipelagoId,
    self: init.self,
    tombstoneMs: init.tombstoneMs ?? TOMBSTONE_MS,
    maxClockSkewMs: init.maxClockSkewMs ?? MAX_CLOCK_SKEW_MS,
    announceMs: init.announceMs ?? ANNOUNCE_MS,
    store: components.store,
    signer: components.signer,
    clock: components.clock ?? SYSTEM_CLOCK,
    random: components.random ?? Math.random,
    verify,
    verifyMany: components.verifyMany ?? (verify === ed25519 ? ed25519Many : oneByOne(verify)),
    logger,
    emit,
    hasListeners,
    state: (fact) => context.background('state', () => own.append([{ kind: 'member', ...fact }])),
    background,
    stopping: stopping.signal,
  }
  const { store, self, clock } = context

  const table = new LogTable(store, (state) => {
    if (state.bad !== null) return false
    if (state.origin === self) return own.sendable && members.current.members.get(self)?.state !== 'revoked'
    return members.accepted(state.origin) !== undefined && !members.isQuarantined(state.origin)
  })
  const orphans = new Orphans(store)
  const members = new Members(context, genesis, table, orphans)
  const checks = new Checks(context, members, table)
  const applier = new Applier(context, table, members, orphans)
  const verifier = new Verifier(context, table, checks)
  const puller = new Puller(context, table, checks, applier, verifier)
  const announcer = new Announcer(context, () => own.sendable)
  const own = new OwnLog(context, table, members, orphans, checks.clocks, (...news) => announcer.add(...news))
  const hints = new Hints(context)
  const answers = new Answers(context, table, members, checks, orphans, hints, applier)
  const rounds = new Rounds(context, {
    table,
    members,
    checks,
    applier,
    puller,
    orphans,
    own,
    hints,
    answers,
    verifier,
  })
  let purgeAt = 0
  members.onDropped((origin) => background('drop', () => applier.drop(origin)))

  function background(what: string, work: () => Promise<unknown>): void {
    const promise = work()
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) logger.warn({ err: error }, `${what} failed`)
      })
      .finally(() => underway.delete(promise))
    underway.add(promise)
  }

  async function* list(kind: string, origins: string[]): AsyncGenerator<SignedRecord> {
    for (const origin of origins) {
      const state = table.get(origin)
      if (state === undefined || (origin !== self && members.accepted(origin) === undefined)) continue
      for await (const chunk of store.ofKind(origin, state.generation, kind)) {
        for (const bytes of chunk) {
          const record = decodeRecord(bytes)
          if (bodyProblem(record) === undefined) yield record
        }
      }
    }
  }

  async function appendMany(entries: Entry[]): Promise<SignedRecord[]> {
    return await own.append(entries.map(({ kind, id, body }) => ({ kind, id, body })))
  }

  async function purge(): Promise<void> {
    if (clock.now() < purgeAt) return
    purgeAt = clock.now() + PURGE_MS
    await purgeWithdrawals(context, table)
    await members.prune()
  }

  return {
    self,
    on,
    async start() {
      await table.load()
      await orphans.load()
      await members.load()
      verifier.resume()
      background('purge', purge)
      // What the last run had found and could not write again before it ended.
      background('reissue', () => own.reissue())
    },
    async stop() {
      stopping.abort(new ArchipelError('CANCELLED', 'the island is stopping'))
      announcer.stop()
      await rounds.settled()
      while (underway.size > 0) await Promise.all(underway)
    },
    async append(kind, id, body) {
      if (body === undefined)
        throw new ArchipelError('RECORD_INVALID', 'a record needs a body; `withdraw` takes one away')
      const [record] = await own.append([{ kind, id, body }])
      return record!
    },
    async withdraw(kind, id) {
      const [record] = await own.append([{ kind, id }])
      return record
    },
    appendMany,
    async get(kind, id, origin) {
      const state = table.get(origin)
      if (state === undefined || (origin !== self && members.accepted(origin) === undefined)) return undefined
      const [bytes] = await store.current(origin, state.generation, [{ kind, id }])
      const record = bytes && decodeRecord(bytes)
      return record === undefined || record.withdrawn === true || bodyProblem(record) !== undefined ? undefined : record
    },
    list: (kind, options = {}) =>
      list(kind, options.origin === undefined ? [...table.all()].map((s) => s.origin) : [options.origin]),
    own: (kind) => list(kind, [self]),
    membership: () => members.current,
    membershipFacts: () => [...members.facts()],
    addFacts: (records) => members.add(records),
    heads: () => table.told().map((s) => s.head),
    status(): CatalogStatus {
      const states = [...table.all()]
      const head = own.state?.head
      const quarantined = [...members.current.quarantined.keys()].map((origin) => ({
        origin,
        reason: 'it signed two different histories',
      }))
      return {
        records: states.reduce((sum, s) => sum + s.head.liveCount, 0),
        origins: states.length,
        own: head === undefined ? undefined : { epoch: head.epoch, seq: head.seq, liveCount: head.liveCount },
        recovering: !own.sendable,
        recoveries: own.recoveries,
        quarantined: [...quarantined, ...checks.bad()],
        unverified: states.filter((s) => !s.verified && s.bad === null).length,
        clockSkewMs: checks.clocks.medianMs(),
        orphans: orphans.count,
      }
    },
    async syncWith(remote, options = {}) {
      const report = await rounds.with(remote, options.signal)
      announcer.flush()
      background('purge', purge)
      return report
    },
    onGossip: (from, bytes) => takeGossip({ table, checks, applier, answers }, from, bytes),
    handleDigest: async (from, request) => answers.digest(from, request),
    handleHeads: async (from, request) => answers.heads(from, request),
    handlePull: (_from, request, options = {}) => answers.pull(request, options.signal),
    handleOrphans: (_from, request, options = {}) => answers.orphans(request, options.signal),
  }
}

function oneByOne(verify: Verify): VerifyMany {
  return async (items) => items.map(({ publicKey, bytes, signature }) => verify(publicKey, bytes, signature))
}
