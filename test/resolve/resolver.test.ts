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
}

function claim(id: string, publisher: string, more: Partial<Claim> = {}): Claim {
  return { id, publisher, name: 'x', version: V1, aliases: [], ...more }
}

function holding(id: string, publisher: string, more: Partial<Holding> = {}): Holding {
  return { id, publisher, name: 'x', version: V1, state: 'available', aliases: [], ...more }
}

function make(world: World) {
  const asked: string[] = []
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
    async *findProviders(key: Uint8Array) {
      yield* world.providers?.get(Buffer.from(key).toString('hex')) ?? []
    },
  }
  const ask = async (island: string, ids: string[]) => {
    asked.push(island)
    const truth = world.truth?.[island] ?? []
    if (truth instanceof Error) throw truth
    return truth.filter((h) => ids.includes(h.id) || h.aliases.some((a) => ids.includes(a)))
  }
  return { asked, port: resolver({ catalog, islands, network, ask, logger: pino({ level: 'silent' }) }) }
}

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
