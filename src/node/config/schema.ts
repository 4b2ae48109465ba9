/** All settings of an island: names, defaults, bounds and texts. Everything else about settings is derived from here. */
import { isIP } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { islandId } from '../../protocols/model/ids.ts'
import { place } from '../../protocols/model/island.ts'
import { engine, livy } from './engines.ts'
import { livyEndpoint } from './livy-endpoint.ts'
import { outside } from './outside.ts'
import { about, bytes, DAY_MS, GiB, MiB, ms } from './parts.ts'
import { replicas, replicatePolicy, transfers } from './replication.ts'
import { rules } from './rules.ts'

export { about } from './parts.ts'

function isMultiaddr(text: string): boolean {
  try {
    multiaddr(text)
    return true
  } catch {
    return false
  }
}

const address = z
  .string()
  .max(256)
  .refine(isMultiaddr, 'not a multiaddr; write it like /ip4/192.0.2.1/tcp/9410 or /dns4/island.example.org/tcp/9410')
const tcpAddress = address.refine((text) => /\/tcp\/\d+/.test(text), 'only TCP addresses are served: /ip4/.../tcp/...')
const announced = tcpAddress.refine(
  (text) => !/^\/ip4\/0\.0\.0\.0\/|^\/ip6\/::\//.test(text) && !/\/tcp\/0(\/|$)/.test(text),
  'announce an address that others can dial, not a wildcard',
)

const network = z.strictObject({
  listen: z
    .array(tcpAddress)
    .max(16)
    .default(['/ip4/127.0.0.1/tcp/9410'])
    .describe('Addresses to listen on; none for an island that only dials out.')
    .register(about, { flag: 'listen' }),
  announce: z
    .array(announced)
    .max(16)
    .default([])
    .describe('Addresses under which others reach this island, told to them as they are written here.')
    .register(about, { flag: 'announce' }),
  bootstrap: z
    .array(address)
    .max(64)
    .default([])
    .describe('Addresses of members to connect to first, beside those that are known already.')
    .register(about, { flag: 'bootstrap' }),
  mdns: z
    .boolean()
    .default(false)
    .describe('Find members on the local network by multicast DNS.')
    .register(about, { flag: 'mdns' }),
  relay: z
    .strictObject({
      serve: z.boolean().default(true).describe('Carry connections between members that cannot reach each other.'),
      use: z
        .enum(['auto', 'always', 'never'])
        .default('auto')
        .describe(
          'Be reachable through other members: when there is no own address beyond a private network, always, or never.',
        ),
      islands: z
        .int()
        .min(1)
        .max(10_000)
        .default(256)
        .describe('Islands that others reach through this one at a time.'),
      connectionBytes: bytes(MiB, 1024 * GiB)
        .default(4 * GiB)
        .describe('Bytes of one connection that is carried, both ways together; then it is cut, and made again.')
        .register(about, { unit: 'bytes' }),
      connectionMs: ms(10_000, DAY_MS)
        .default(3_600_000)
        .describe('How long one connection is carried; then it is cut, and made again.')
        .register(about, { unit: 'ms' }),
    })
    .prefault({}),
  maxConnections: z.int().min(4).max(10_000).default(300).describe('Connections to other islands at a time.'),
  dhtEnabled: z
    .boolean()
    .default(true)
    .describe('Take part in the DHT; without it, datasets are found by the catalog alone.'),
  gossipEnabled: z
    .boolean()
    .default(true)
    .describe('Spread changes by gossip; without it, they arrive by the next comparison.'),
})

const hostName = z
  .string()
  .max(260)
  .regex(
    /^([A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?$/,
    'not a name as in the header Host; write it like island.example.org or 192.0.2.1:9411',
  )
const origin = z
  .string()
  .max(300)
  .refine(
    (text) =>
      URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text.toLowerCase(),
    'not an origin; write it like https://portal.example.org',
  )

const web = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Serve the web service, which the command line needs.'),
    host: z
      .string()
      .max(64)
      .refine(
        (text) => text === 'localhost' || isIP(text) !== 0,
        'not an IP address; write it like 127.0.0.1 or 0.0.0.0',
      )
      .default('127.0.0.1')
      .describe('Address that the web service listens on; one that others reach only together with web.hosts.'),
    hosts: z
      .array(hostName)
      .max(32)
      .default([])
      .describe(
        'Names by which others call the web service (the header Host), e.g. of a TLS proxy; loopback is always one.',
      ),
    origins: z
      .array(origin)
      .max(32)
      .default([])
      .describe('Foreign pages that may call the web service from a browser, with a token and never with its cookie.'),
    livy: livyEndpoint,
    rate: z
      .strictObject({
        perSecond: z
          .number()
          .min(0.1)
          .max(100_000)
          .default(50)
          .describe('Requests a second of one token or browser session, on the average; the owner token has no limit.'),
        burst: z.int().min(1).max(1_000_000).default(500).describe('Requests of one token or browser session at once.'),
        failuresPerMinute: z
          .int()
          .min(1)
          .max(100_000)
          .default(30)
          .describe('Wrong tokens and sign-in codes of one address in a minute that are answered one by one.'),
      })
      .prefault({}),
    port: z
      .int()
      .min(0)
      .max(65_535)
      .default(9411)
      .describe('Port of the web service; 0 takes any free one.')
      .register(about, { flag: 'web-port' }),
  })
  .refine(({ host, hosts }) => /^(127\.|localhost$|::1$)/.test(host) || hosts.length > 0, {
    path: ['host'],
    error:
      'others can reach this address; set web.hosts to the names by which they call it, and put a proxy with TLS before it; or leave it at 127.0.0.1',
  })

const catalog = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('Keep the catalog of the archipelago; without it, datasets are found by the DHT alone.'),
  syncIntervalMs: ms(1000, 3_600_000)
    .default(30_000)
    .describe('Milliseconds between comparisons with each connected island; jitter is added.')
    .register(about, { unit: 'ms' }),
  heartbeatMs: ms(1000, 600_000)
    .default(15_000)
    .describe('Milliseconds between heartbeats.')
    .register(about, { unit: 'ms' }),
  tombstoneDays: z.int().min(1).max(3650).default(30).describe('Days that a withdrawal is kept.'),
  maxClockSkewMs: ms(1000, DAY_MS)
    .default(600_000)
    .describe('Milliseconds that a record may lie in the future before it has to wait.')
    .register(about, { unit: 'ms' }),
})

const personOrIsland = z
  .string()
  .max(256)
  .regex(/^([^@\s]{1,128}@)?isl[a-z2-7]{32}$/, 'an island id ("isl" and 32 base32 characters), or user@ and one')

const policy = z.strictObject({
  fetch: z
    .strictObject({
      from: z
        .enum(['members', 'none'])
        .default('members')
        .describe('Who may fetch the files of datasets that are held here.'),
      allow: z.array(islandId).max(1000).default([]).describe('When not empty: only these islands (ids).'),
    })
    .prefault({}),
  replicate: replicatePolicy.prefault({}),
  forwarded: z
    .strictObject({
      sql: z
        .enum(['members', 'none'])
        .default('members')
        .describe('Whose statements run here beside those of the owner.'),
      allow: z
        .array(islandId)
        .max(1000)
        .default([])
        .describe('When not empty: only statements of these islands (ids).'),
      python: z
        .array(personOrIsland)
        .max(1000)
        .default([])
        .describe(
          'Whose Python programs run here beside those of the owner, always in a sandbox: islands (ids) or single users of them (user@island id). None by default.',
        ),
      r: z
        .array(personOrIsland)
        .max(1000)
        .default([])
        .describe('Whose R programs run here beside those of the owner; as for Python.'),
      spark: z
        .array(personOrIsland)
        .max(1000)
        .default([])
        .describe(
          'Whose work runs on the Spark of this island beside that of the owner, in whatever language; who may run code there may read what that Spark reads. None by default.',
        ),
    })
    .prefault({}),
})

const tasks = z.strictObject({
  leaseMs: ms(200, 3_600_000)
    .default(60_000)
    .describe('Milliseconds without a sign of life after which an attempt counts as lost, where the task does not say.')
    .register(about, { unit: 'ms' }),
  unfinished: z.int().min(1).max(1_000_000).default(10_000).describe('Unfinished tasks asked for at this island.'),
  unfinishedPerUser: z.int().min(1).max(1_000_000).default(2_000).describe('Unfinished tasks of one user.'),
  active: z.int().min(1).max(10_000).default(128).describe('Own tasks that are placed or followed at a time.'),
  queue: z.int().min(0).max(100_000).default(1_000).describe('Pieces of work that may wait for an engine here.'),
  perIsland: z.int().min(1).max(250).default(200).describe('Pieces of work of one island that wait or run here.'),
  perUser: z
    .int()
    .min(1)
    .max(250)
    .default(200)
    .describe('Pieces of work of one user of an island that wait or run here.'),
  claimMs: ms(1000, DAY_MS)
    .default(60_000)
    .describe('Milliseconds between two rounds of asking other islands about their work that nobody follows.')
    .register(about, { unit: 'ms' }),
  resultDays: z.int().min(1).max(3650).default(7).describe('Days that the result of an own task is kept.'),
  days: z.int().min(1).max(3650).default(90).describe('Days that a task is remembered after its end.'),
  kept: z.int().min(1).max(1_000_000).default(10_000).describe('Ended tasks that are remembered.'),
  unclaimedDays: z
    .int()
    .min(1)
    .max(3650)
    .default(7)
    .describe('Days that a result is kept for an island that does not come for it.'),
  resultsBytes: bytes(MiB, 1024 * GiB)
    .default(20 * GiB)
    .describe('Bytes of all results and logs that are kept.')
    .register(about, { unit: 'bytes' }),
})

const mains = z.strictObject({
  maxBytes: bytes(1024, 16 * GiB)
    .default(64 * MiB)
    .describe('Bytes of one main file of a batch: a JAR or a Python file.')
    .register(about, { unit: 'bytes' }),
  totalBytes: bytes(1024, 1024 * GiB)
    .default(4 * GiB)
    .describe('Bytes of all main files that are kept.')
    .register(about, { unit: 'bytes' }),
})

const sessions = z.strictObject({
  max: z
    .int()
    .min(1)
    .max(1024)
    .default(2)
    .describe(
      'Interactive sessions at a time; with those of Livy clients at most one fewer than `engine.sessions`, so that tasks find a place.',
    ),
  idleMs: ms(1000, 7 * DAY_MS)
    .default(1_800_000)
    .describe('Milliseconds after which an interactive session that nobody uses ends.')
    .register(about, { unit: 'ms' }),
})

const log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least level that is logged.')
    .register(about, { flag: 'log-level' }),
  pretty: z
    .enum(['auto', 'always', 'never'])
    .default('auto')
    .describe('Log lines for people instead of JSON: on a terminal, always, or never.'),
})

export const configSchema = z.strictObject({
  dataDir: z.string().min(1).max(4096).describe('Directory with the keys and the data of the island.'),
  name: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[^\p{Cc}\p{Cf}]*$/u, 'a name has no control characters')
    .describe('Name of the island, as others see it.')
    .register(about, { flag: 'name' }),
  site: z.string().max(200).optional().describe('Name of the site or institute.').register(about, { flag: 'site' }),
  place: z
    .strictObject({
      name: place.shape.name.describe('Town or observatory.'),
      country: place.shape.country.describe('Two letters, ISO 3166-1.'),
      latitude: place.shape.latitude.describe('Degrees north.'),
      longitude: place.shape.longitude.describe('Degrees east.'),
    })
    .optional(),
  labels: z
    .array(z.string().min(1).max(64))
    .max(32)
    .default([])
    .describe('Own words for the island, which rules may ask for: archive, near-telescope.'),
  network: network.prefault({}),
  web: web.prefault({}),
  catalog: catalog.prefault({}),
  engine: engine.prefault({}),
  livy: livy.prefault({}),
  policy: policy.prefault({ fetch: {}, replicate: {}, forwarded: {} }),
  tasks: tasks.prefault({}),
  mains: mains.prefault({}),
  sessions: sessions.prefault({}),
  replicas: replicas.prefault({}),
  transfers: transfers.prefault({}),
  rules: rules.prefault({}),
  outside: outside.prefault({}),
  log: log.prefault({}),
})

export type Config = z.output<typeof configSchema>
