import { pino } from 'pino'
import * as assert from 'uvu/assert'
import type { Provider } from '../../src/node/network/port.ts'
import { datasetKey, keysToProvide, MAX_SINGLE_KEYS, prefixKey } from '../../src/node/resolve/keys.ts'
import type { Claim, ClaimLookup, HeldBy, IslandLookup } from '../../src/node/resolve/port.ts'
import { resolver } from '../../src/node/resolve/resolver.ts'
import type { Holding } from '../../src/protocols/resolve/messages.ts'
import { rejects, suite } from '../kit/index.ts'

const test = suite('resolver')
const V1 = 'a'.repeat(64)
const isl = (letter: string) => `isl${letter.repeat(32)}`
const [A, B, C] = [isl('a'), isl('b'), isl('c')]

interface World {
  claims?: Claim[]
  held?: Record<string, string[]>
  truth?: Record<string, Holding[] | Error>
  providers?: Map<string, Provider[]>
  members?: string[]
  /** Instead of `providers`. */
  findProviders?: (key: Uint8Array, options: { signal?: AbortSignal }) => AsyncGenerator<Provider>
  dhtBesideMs?: number
  /** Before an island answers. */
  slow?: (island: string, signal: AbortSignal | undefined) => Promise<void>
}

function claim(id: string, publisher: string, more: Partial<Claim> = {}): Claim {
  return { id, publisher, name: 'x', version: V1, aliases: [], ...more }
}

function holding(id: string, publisher: string, more: Partial<Holding> = {}): Holding {
  return { id, publisher, name: 'x', version: V1, state: 'available', aliases: [], ...more }
}

function make(world: World) {
  const asked: string[] = []
  const searched: Uint8Array[] = []
  const claims = world.claims ?? []
  const catalog: ClaimLookup = {
    byId: (id) => claims.filter((c) => c.id === id || c.aliases.includes(id)),
    byName: (name) => claims.filter((c) => c.name === name),
    holders: (publisher, id) =>
      (world.held?.[`${publisher} ${id}`] ?? []).map(
        (island): HeldBy => ({ island, state: 'available', version: V1, time: 1 }),
      ),
  }
  const members = world.members ?? [A, B, C]
  const islands: IslandLookup = {
    self: A,
    nameOf: (i) => i.slice(3, 4),
    peerOf: (i) => `peer-${i}`,
    islandOf: (p) => (p.startsWith('peer-') ? p.slice(5) : undefined),
    isMember: (i) => members.includes(i),
    liveness: () => 'live',
    rttMs: () => 1,
    addressesOf: () => [],
  }
  const network = {
    archipelagoId: 'arc',
    async *findProviders(key: Uint8Array, options: { signal?: AbortSignal } = {}) {
      searched.push(key)
      if (world.findProviders !== undefined) yield* world.findProviders(key, options)
      else yield* world.providers?.get(Buffer.from(key).toString('hex')) ?? []
    },
  }
  const ask = async (island: string, ids: string[], options: { signal?: AbortSignal }) => {
    asked.push(island)
    await world.slow?.(island, options.signal)
    const truth = world.truth?.[island] ?? []
    if (truth instanceof Error) throw truth
    return truth.filter((h) => ids.includes(h.id) || h.aliases.some((a) => ids.includes(a)))
  }
  const { dhtBesideMs } = world
  const logger = pino({ level: 'silent' })
  const port = resolver({
    catalog,
    islands,
    network,
    ask,
    logger,
    ...(dhtBesideMs === undefined ? {} : { dhtBesideMs }),
  })
  return { asked, searched, port }
}

test('an alias never leads to or from a default id of another island', async () => {
  const id = `archipel:${A}/stars`
  const evil = { aliases: [id], version: 'e'.repeat(64) }
  const { port: resolve } = make({
    claims: [claim(id, A), claim(`archipel:${B}/evil`, B, evil)],
    held: { [`${A} ${id}`]: [A], [`${B} archipel:${B}/evil`]: [B] },
    truth: { [A]: [holding(id, A)], [B]: [holding(`archipel:${B}/evil`, B, evil)] },
    providers: new Map(
      [datasetKey('arc', id)].map((key) => [
        Buffer.from(key).toString('hex'),
        [{ peerId: `peer-${B}`, addresses: [] }],
      ]),
    ),
  })
  for (const via of ['catalog', 'both', 'dht'] as const) {
    const located = await resolve.locate(id, { via, confirm: true, allEvidence: true }).catch(() => [])
    assert.equal(
      located.flatMap((l) => l.holders.map((h) => h.island)),
      via === 'dht' ? [] : [A],
      via,
    )
    if (via !== 'dht') assert.is(resolve.one(id, located).publisher, A)
  }
  const other = await resolve.locate(`archipel:${B}/evil`, { via: 'catalog', confirm: false })
  assert.is(resolve.one(`archipel:${B}/evil`, other).publisher, B)
})

test('what a publisher gives exactly this id is meant before what it gives an alias; others are asked about', async () => {
  const id = 'doi:10.5555/bb'
  const other = claim('doi:10.5555/aa', A, { aliases: [id], version: 'b'.repeat(64) })
  const { port: resolve } = make({ claims: [other, claim(id, A)] })
  const located = await resolve.locate(id, { via: 'catalog', confirm: false })
  assert.is(resolve.one(id, located).id, id)
  const { port: divided } = make({ claims: [{ ...other, publisher: B }, claim(id, A)] })
  const both = await divided.locate(id, { via: 'catalog', confirm: false })
  const error = await rejects(
    Promise.resolve().then(() => divided.one(id, both)),
    'AMBIGUOUS',
  )
  assert.match(error.hint, '@')
})

test('aliases are followed to the end, through circles too', async () => {
  const { port } = make({
    claims: [
      claim('doi:10.1234/a', A, { aliases: ['ivo://x/a'] }),
      claim('ivo://x/a', B, { aliases: ['urn:test:a', 'doi:10.1234/a'] }),
      claim('urn:test:a', C),
    ],
  })
  const found = await port.locate('urn:test:a', { via: 'catalog', confirm: false })
  assert.equal(found.map((l) => l.id).sort(), ['doi:10.1234/a', 'ivo://x/a', 'urn:test:a'])
})

test('claims of islands that are no members count for nothing', async () => {
  const { port } = make({ claims: [claim('doi:10.1234/a', C)], members: [A, B] })
  await rejects(port.locate('doi:10.1234/a', { via: 'both', confirm: false }), 'DATASET_NOT_FOUND')
})

test('a holder that denies, fails or has another state is not confirmed, and the reason is told', async () => {
  const id = 'doi:10.1234/a'
  const { port } = make({
    claims: [claim(id, A)],
    held: { [`${A} ${id}`]: [A, B, C] },
    truth: { [A]: [holding(id, A)], [B]: [], [C]: [holding(id, A, { state: 'stale' })] },
  })
  const { holders } = await port.resolve({ ref: 'https://doi.org/10.1234/A' })
  assert.equal(
    holders.map((h) => [h.island, h.confirmed, h.state]),
    [
      [A, true, 'available'],
      [B, false, 'available'],
      [C, false, 'stale'],
    ],
  )
  assert.match(holders[1]!.reason ?? '', /does not hold/)
})

test('the DHT alone finds and confirms; a provider that has nothing is left out; prefixes are tried, too', async () => {
  const id = 'doi:10.1234/a'
  const provider = (island: string): Provider => ({ peerId: `peer-${island}`, addresses: [] })
  const single = Buffer.from(datasetKey('arc', id)).toString('hex')
  const prefix = Buffer.from(prefixKey('arc', id)).toString('hex')
  const { port, asked } = make({
    providers: new Map([
      [single, [provider(B)]],
      [prefix, [provider(C)]],
    ]),
    truth: { [B]: [], [C]: [holding(id, C)] },
  })
  const { holders } = await port.resolve({ ref: id })
  assert.equal(
    holders.map((h) => [h.island, h.via, h.confirmed]),
    [[C, ['dht'], true]],
  )
  assert.ok(asked.includes(B), 'the provider of the single key was asked, too')
  await rejects(port.resolve({ ref: id, via: 'catalog' }), 'DATASET_NOT_FOUND')
})

const ID = 'doi:10.1234/a'
const single = Buffer.from(datasetKey('arc', ID)).toString('hex')
const prefix = Buffer.from(prefixKey('arc', ID)).toString('hex')
const provider = (island: string): Provider => ({ peerId: `peer-${island}`, addresses: [] })
const KNOWN = { claims: [claim(ID, A)], held: { [`${A} ${ID}`]: [A, B] } }

/** A search that names these and then goes on until it is ended. */
async function* endless(islands: string[], signal: AbortSignal | undefined) {
  yield* islands.map(provider)
  // It ends late, as a search over a real network may.
  await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }))
}

test('for people, catalog and DHT are asked at once: who is known by both shows both, and is asked once', async () => {
  const { port, asked } = make({
    ...KNOWN,
    providers: new Map([
      [single, [provider(B), provider(C)]],
      [prefix, [provider(B)]],
    ]),
    truth: { [A]: [holding(ID, A)], [B]: [holding(ID, A)], [C]: [holding(ID, A)] },
  })
  const { holders } = await port.resolve({ ref: ID })
  assert.equal(
    holders.map((h) => [h.island, h.via, h.confirmed]),
    [
      [A, ['catalog'], true],
      [B, ['catalog', 'dht'], true],
      [C, ['dht'], true],
    ],
  )
  assert.equal(asked.sort(), [A, B, C])
})

test('beside a catalog that knows holders the DHT has a short time, and less when it has named them all', async () => {
  const truth = { [A]: [holding(ID, A)], [B]: [holding(ID, A)] }
  const searching = (named: string[], dhtBesideMs: number) =>
    make({ ...KNOWN, truth, dhtBesideMs, findProviders: (_, { signal }) => endless(named, signal) })
  const some = await searching([B], 200).port.resolve({ ref: ID })
  assert.equal(
    some.holders.map((h) => h.via),
    [['catalog'], ['catalog', 'dht']],
  )
  assert.ok(some.elapsedMs >= 190 && some.elapsedMs < 2000, `${some.elapsedMs} ms`)
  const all = await searching([B, A], 20_000).port.resolve({ ref: ID })
  assert.equal(
    all.holders.map((h) => h.via),
    [
      ['catalog', 'dht'],
      ['catalog', 'dht'],
    ],
  )
  assert.ok(all.elapsedMs < 5000, `${all.elapsedMs} ms`)
})

test('an island that only the DHT names, and that does not answer, holds nothing up', async () => {
  const { port } = make({
    ...KNOWN,
    truth: { [A]: [holding(ID, A)], [B]: [holding(ID, A)], [C]: [holding(ID, A)] },
    dhtBesideMs: 200,
    providers: new Map([[single, [provider(C)]]]),
    slow: (island, signal) =>
      island === C
        ? new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))
        : Promise.resolve(),
  })
  const { holders, elapsedMs } = await port.resolve({ ref: ID })
  assert.equal(
    holders.map((h) => h.island),
    [A, B],
  )
  assert.ok(elapsedMs < 2000, `${elapsedMs} ms`)
})

test('without confirmation the DHT’s own record is the evidence, and holders that the catalog knows are not asked', async () => {
  const { port, asked } = make({ ...KNOWN, providers: new Map([[single, [provider(B)]]]) })
  const { holders } = await port.resolve({ ref: ID, confirm: false })
  assert.equal(
    holders.map((h) => [h.island, h.via, h.confirmed]),
    [
      [A, ['catalog'], false],
      [B, ['catalog', 'dht'], false],
    ],
  )
  assert.equal(asked, [])
})

test('the way of tasks asks the DHT only where the catalog knows no holder', async () => {
  const known = make({ ...KNOWN, truth: { [A]: [holding(ID, A)], [B]: [holding(ID, A)] } })
  const located = await known.port.locate(ID, { via: 'both', confirm: true })
  assert.equal(
    located[0]!.holders.map((h) => h.via),
    [['catalog'], ['catalog']],
  )
  assert.is(known.searched.length, 0)
  const unknown = make({ providers: new Map([[single, [provider(C)]]]), truth: { [C]: [holding(ID, C)] } })
  assert.is((await unknown.port.locate(ID, { via: 'both', confirm: true }))[0]!.holders[0]!.island, C)
  assert.ok(unknown.searched.length > 0)
})

test('one id published twice in different versions is ambiguous; in the same version it is one dataset', async () => {
  const id = 'doi:10.1234/a'
  const twice = make({ claims: [claim(id, A), claim(id, B, { version: 'b'.repeat(64) })] })
  const located = await twice.port.locate(id, { via: 'catalog', confirm: false })
  assert.throws(
    () => twice.port.one(id, located),
    (e: { code: string }) => e.code === 'AMBIGUOUS',
  )
  const named = await twice.port.locate(`${id}@${B}`, { via: 'catalog', confirm: false })
  assert.is(twice.port.one(id, named).publisher, B)
  const same = make({ claims: [claim(id, A), claim(id, B)], held: { [`${A} ${id}`]: [A], [`${B} ${id}`]: [B] } })
  const one = same.port.one(id, await same.port.locate(id, { via: 'catalog', confirm: false }))
  assert.equal(
    one.holders.map((h) => h.island),
    [A, B],
    'both hold the one',
  )
})

test('what is neither an id nor a name is refused', async () => {
  const { port } = make({})
  for (const bad of ['', 'a b', 'ftp://x/y', 'doi:', "x'; DROP TABLE y"])
    await rejects(port.locate(bad, { via: 'both', confirm: true }), 'BAD_ID')
})

test('many datasets are provided by prefix', () => {
  const ids = Array.from({ length: MAX_SINGLE_KEYS + 4000 }, (_, i) => `doi:10.1234/${i}`)
  assert.is(keysToProvide('arc', ids.slice(0, MAX_SINGLE_KEYS)).length, MAX_SINGLE_KEYS)
  const prefixes = keysToProvide('arc', ids)
  assert.ok(prefixes.length <= 4096 && prefixes.length > 2000, `${prefixes.length} prefixes`)
})

test.run()
