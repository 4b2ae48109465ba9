/** Making and joining an archipelago: what happens before an island runs. */
import { mkdir, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { joinSpec } from '../protocols/join/messages.ts'
import { decodeTicket } from '../protocols/join/ticket.ts'
import { ArchipelError, type ErrorCode, toArchipelError } from '../protocols/model/errors.ts'
import { decodeRecord } from '../protocols/record/envelope.ts'
import {
  archipelagoIdOf,
  buildFirstCard,
  buildGenesis,
  decodeFirstCard,
  decodeGenesis,
  islandIdOf,
} from '../protocols/record/genesis.ts'
import { signerFromSeed, verify } from '../protocols/record/keys.ts'
import { acceptCard, buildAdmission, MEMBER_KIND } from '../protocols/record/member-facts.ts'
import { deriveMembership } from '../protocols/record/membership.ts'
import { call } from '../protocols/wire/client.ts'
import type { Config } from './config/schema.ts'
import { ensureDataDir, exists, FILES, pathIn, readSecret, writeSecret } from './identity/data-dir.ts'
import {
  formatRecoveryKey,
  KEY_LOST_HINT,
  type KeyPair,
  newKeyPair,
  readKeyFile,
  writeKeyFile,
} from './identity/keys.ts'
import { type MembershipFile, readMembership, retiredDir, writeMembership } from './identity/membership-file.ts'
import { openLogs } from './logs.ts'
import { network } from './network/network.ts'
import { peerIdOf } from './network/peer-id.ts'

export interface Named {
  id: string
  name: string
}

/** Milliseconds for finding the issuer and redeeming the ticket. */
const JOIN_MS = 60_000

/** The island's key, made when there is none. */
export async function ensureKey(dataDir: string): Promise<KeyPair> {
  await ensureDataDir(dataDir)
  const path = pathIn(dataDir, 'key')
  const known = await readKeyFile(path)
  if (known !== undefined) return known
  const pair = newKeyPair()
  await writeKeyFile(path, pair)
  return pair
}

/** The key of an island that is a member already: it has to be there, and to be the one of its first card. @throws DATA_DIR_BROKEN */
export async function memberKey(dataDir: string, membership: MembershipFile): Promise<KeyPair> {
  const key = await readKeyFile(pathIn(dataDir, 'key'))
  if (key !== undefined && Buffer.compare(key.publicKey, decodeFirstCard(membership.island.card).key) === 0) return key
  throw new ArchipelError(
    'DATA_DIR_BROKEN',
    `${FILES.key} ${key === undefined ? 'is missing' : 'is not the key of this island'}`,
    {
      hint: KEY_LOST_HINT,
    },
  )
}

async function refuseMembers(dataDir: string, wanted?: string): Promise<void> {
  const membership = await readMembership(dataDir)
  if (membership === undefined) return
  // Perhaps a join that was cut off when it was done but for its last words.
  const hint =
    'It is a member of the archipelago of this ticket: start it with `archipel up` and the options of this call.'
  throw new ArchipelError(
    'ALREADY_MEMBER',
    `this island belongs to ${membership.archipelago.name} already`,
    membership.archipelago.id === wanted ? { hint } : {},
  )
}

/** Makes keys and genesis in the data directory; starts nothing. @throws ALREADY_MEMBER, DATA_DIR_LOCKED, DATA_DIR_BROKEN */
export async function createArchipelago(init: {
  config: Config
  name: string
}): Promise<{ archipelago: Named; island: Named; recoveryKey: string }> {
  const { config, name } = init
  if (name.trim() === '' || name.length > 100 || /[\p{Cc}\p{Cf}]/u.test(name)) {
    throw new ArchipelError(
      'BAD_INPUT',
      'the name of an archipelago has 1 to 100 characters, no control characters among them',
    )
  }
  await refuseMembers(config.dataDir)
  const key = await ensureKey(config.dataDir)
  const admin = (await readKeyFile(pathIn(config.dataDir, 'adminKey'))) ?? newKeyPair()
  if (!(await exists(pathIn(config.dataDir, 'adminKey')))) await writeKeyFile(pathIn(config.dataDir, 'adminKey'), admin)
  const recovery = newKeyPair()
  const now = Date.now()
  const genesis = buildGenesis({ name, admins: [admin.publicKey, recovery.publicKey], created: now })
  const archipelagoId = archipelagoIdOf(genesis)
  const signer = signerFromSeed(key.seed)
  const card = buildFirstCard({
    name: config.name,
    ...(config.site === undefined ? {} : { site: config.site }),
    key: key.publicKey,
    created: now,
  })
  const self = islandIdOf(card)
  const acceptance = acceptCard({ archipelagoId, inviter: self, card, signer })
  const fact = buildAdmission({
    archipelagoId,
    card,
    inviter: self,
    acceptance,
    mayInvite: true,
    admin: signerFromSeed(admin.seed),
  })
  const membership: MembershipFile = {
    version: 1,
    archipelago: { id: archipelagoId, name, genesis },
    island: { id: self, name: config.name, card },
    facts: [],
    contacts: [],
  }
  // The first records of the own log: the admission by the admin key, from which everything else follows.
  const logs = await openLogs({ dataDir: config.dataDir, membership, key, config, logger: pino({ level: 'silent' }) })
  try {
    await logs.catalog.start()
    const record = await logs.catalog.append(MEMBER_KIND, fact.id, fact.body)
    membership.facts.push(record.bytes)
  } finally {
    await logs.close()
  }
  await writeMembership(config.dataDir, membership)
  await joiningEnded(config.dataDir)
  return {
    archipelago: { id: archipelagoId, name },
    island: { id: self, name: config.name },
    recoveryKey: formatRecoveryKey(recovery.seed),
  }
}

/** Starts the network for as long as it takes to redeem the ticket. @throws TICKET_*, UNREACHABLE, ALREADY_MEMBER */
export async function joinArchipelago(init: {
  config: Config
  ticket: string
  signal: AbortSignal
  logger?: Logger
}): Promise<{ archipelago: Named; island: Named; issuer: Named }> {
  const { config } = init
  const logger = init.logger ?? pino({ level: 'silent' })
  const ticket = decodeTicket(init.ticket)
  await refuseMembers(config.dataDir, ticket.archipelago)
  const undo = await undoOfJoin(config.dataDir)
  const key = await ensureKey(config.dataDir)
  const signer = signerFromSeed(key.seed)
  const card = await pendingCard(config, key)
  const self = islandIdOf(card)
  const issuerPeer = peerIdOf(ticket.key)
  const acceptance = acceptCard({ archipelagoId: ticket.archipelago, inviter: ticket.issuer, card, signer })
  const net = await network(
    {
      archipelagoId: ticket.archipelago,
      seed: key.seed,
      publicKey: key.publicKey,
      listen: [],
      announce: [],
      bootstrap: [],
      mdns: false,
      dht: false,
      gossip: false,
      relay: { serve: false, use: 'never', limits: { islands: 0, connectionBytes: 2 ** 30, connectionMs: 3_600_000 } },
      maxConnections: 10,
      wantedPeers: 1,
    },
    { admission: { isMember: () => false, islandOf: () => undefined, isRevoked: () => false }, logger },
  )
  const signal = AbortSignal.any([init.signal, AbortSignal.timeout(JOIN_MS)])
  try {
    await net.start({ signal })
    try {
      await net.connect({ peerId: issuerPeer, addresses: ticket.addresses }, { signal, stranger: true })
    } catch (error) {
      throw unreachable(ticket.expires, error)
    }
    const reply = await call(
      net,
      issuerPeer,
      joinSpec,
      { type: 'redeem', ticket: ticket.id, secret: ticket.secret, card, acceptance },
      { signal },
    )
    if (reply.type !== 'redeemed') throw new ArchipelError('PROTOCOL', 'the issuer answered something else')
    const genesis = decodeGenesis(reply.genesis)
    if (archipelagoIdOf(reply.genesis) !== ticket.archipelago)
      throw new ArchipelError('ARCHIPELAGO_MISMATCH', 'the issuer speaks for another archipelago than the ticket')
    const facts = reply.facts.map((bytes) => decodeRecord(bytes))
    const known = deriveMembership({ archipelagoId: ticket.archipelago, genesis, facts, verify })
    if (known.members.get(self)?.state !== 'member')
      throw new ArchipelError('PROTOCOL', 'the issuer’s answer does not make this island a member')
    const issuer = known.members.get(ticket.issuer)
    await writeMembership(config.dataDir, {
      version: 1,
      archipelago: { id: ticket.archipelago, name: genesis.name, genesis: reply.genesis },
      island: { id: self, name: decodeFirstCard(card).name, card },
      facts: facts.map((f) => f.bytes),
      contacts: [{ peerId: issuerPeer, addresses: ticket.addresses }],
    })
    await joiningEnded(config.dataDir)
    return {
      archipelago: { id: ticket.archipelago, name: genesis.name },
      island: { id: self, name: decodeFirstCard(card).name },
      issuer: { id: ticket.issuer, name: issuer?.name ?? ticket.issuer },
    }
  } catch (error) {
    if (init.signal.aborted) throw toArchipelError(init.signal.reason)
    if (REFUSED_FOR_GOOD.has(toArchipelError(error).code)) await undo()
    throw error
  } finally {
    await net.stop()
  }
}

/** No later try with this ticket and this key can succeed, and the issuer has admitted nobody by it. */
const REFUSED_FOR_GOOD = new Set<ErrorCode>(['TICKET_EXPIRED', 'TICKET_USED', 'TICKET_REVOKED', 'TICKET_UNKNOWN'])

/** Looks at what is there before a join. @returns what removes all that came since, while the island is no member */
async function undoOfJoin(dataDir: string): Promise<() => Promise<void>> {
  const parts = [pathIn(dataDir, 'joining'), pathIn(dataDir, 'key')]
  const made: string[] = []
  for (const path of parts) if (!(await exists(path))) made.push(path)
  const madeDir = !(await exists(dataDir))
  return async () => {
    if (await exists(pathIn(dataDir, 'membership'))) return
    for (const path of made) await rm(path, { force: true })
    // Something else may be in it by now.
    if (madeDir) await rmdir(dataDir).catch(() => {})
  }
}

function unreachable(expires: number, cause: unknown): ArchipelError {
  if (expires < Date.now())
    return new ArchipelError('TICKET_EXPIRED', `the ticket expired at ${new Date(expires).toISOString()}`, { cause })
  return new ArchipelError(
    'UNREACHABLE',
    'the island that issued the ticket cannot be reached at the addresses in it',
    {
      cause,
      hint: 'Check that the issuer runs and that this machine may connect to it, then try again: the ticket is still good.',
    },
  )
}

/** The first card of a join under way: kept, so that a second try after a lost answer is by the same island. */
async function pendingCard(config: Config, key: KeyPair): Promise<Uint8Array> {
  const path = pathIn(config.dataDir, 'joining')
  const known = await readSecret(path)
  if (known !== undefined) {
    const card = new Uint8Array(Buffer.from(known, 'base64'))
    if (Buffer.compare(decodeFirstCard(card).key, key.publicKey) === 0) return card
  }
  const card = buildFirstCard({
    name: config.name,
    ...(config.site === undefined ? {} : { site: config.site }),
    key: key.publicKey,
    created: Date.now(),
  })
  await writeSecret(path, Buffer.from(card).toString('base64'))
  return card
}

/**
 * Removes what only a join under way needs. Not before `archipelago.json` is durable, which holds the card from then on; after a
 * crash in between the next start does it.
 */
export async function joiningEnded(dataDir: string): Promise<void> {
  await rm(pathIn(dataDir, 'joining'), { force: true })
}

/** Puts everything of a former membership aside, the key included, so that the next one starts as a new island. */
export async function retire(dataDir: string): Promise<string> {
  const target = retiredDir(dataDir, Date.now())
  await mkdir(target, { mode: 0o700 })
  for (const name of [
    FILES.membership,
    FILES.key,
    FILES.adminKey,
    FILES.store,
    FILES.search,
    FILES.publish,
    FILES.results,
    FILES.joining,
    FILES.tokens,
  ]) {
    const path = join(dataDir, name)
    if (await exists(path)) await rename(path, join(target, name))
  }
  return target
}
