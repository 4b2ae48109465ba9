/** An island in memory, scripted: it remembers what it was asked and answers from fixed data, or as told. */
import type { DatasetBody } from '../../src/protocols/model/dataset.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type * as V from '../../src/protocols/model/views.ts'
import type {
  IslandActions,
  IslandHealth,
  IslandLivy,
  IslandMains,
  IslandPort,
  IslandRequests,
  IslandRules,
  IslandSessions,
  IslandStatements,
  IslandSubscriptions,
  IslandTasks,
  IslandTokens,
  IslandTransfers,
} from '../../src/web/ports.ts'
import { fakeActions } from './fake-actions.ts'
import { fakeRequests } from './fake-requests.ts'
import { fakeRules } from './fake-rules.ts'
import { fakeEngine, fakeSessions } from './fake-sessions.ts'
import { fakeSubscriptions } from './fake-subscriptions.ts'
import { type FakeTasks, fakeTasks } from './fake-tasks.ts'
import { fakeTransfers } from './fake-transfers.ts'
import { fakeVersions } from './fake-versions.ts'

export const SELF = { id: `isl${'a'.repeat(32)}`, name: 'garching' }
export const OTHER = { id: `isl${'b'.repeat(32)}`, name: 'grenoble' }
export const NOW = '2026-01-02T03:04:05.000Z'
const VERSION = 'ab'.repeat(32)

/** The one file of each of its datasets that can be read. */
export const FILE = {
  path: '2026/stars.csv',
  pieces: 'cd'.repeat(32),
  mediaType: 'text/csv',
  content: Buffer.from('name,vmag\nSirius,-1.46\n'),
}

export function datasetView(name: string, more: Partial<DatasetBody> = {}): V.DatasetView {
  return {
    id: `archipel:${SELF.id}/${name}`,
    publisher: SELF,
    body: {
      name,
      title: `The ${name} catalogue`,
      description: 'Stars, all of them bright.',
      keywords: ['stars', 'photometry'],
      licence: 'MIT',
      creators: [{ name: 'Cecilia Payne', orcid: '0000-0002-1825-0097' }],
      created: NOW,
      modified: NOW,
      version: VERSION,
      size: 1_234_567,
      files: 1,
      format: 'csv',
      rows: 9110,
      columns: [
        { name: 'ra', type: 'DOUBLE', unit: 'deg', ucd: 'pos.eq.ra;meta.main' },
        { name: 'dec', type: 'DOUBLE', unit: 'deg' },
        { name: 'vmag', type: 'DOUBLE', description: 'visual magnitude' },
      ],
      coverage: { spatial: { frame: 'ICRS', moc: '0/0-11', box: { raMin: 80, raMax: 90, decMin: -10, decMax: 5 } } },
      aliases: [],
      ...more,
    },
    holders: [{ island: SELF.id, name: SELF.name, state: 'available', version: VERSION }],
    recordedAt: NOW,
  }
}

const STATUS: V.IslandStatus = {
  id: SELF.id,
  name: SELF.name,
  peerId: '12D3KooWFake',
  archipelago: { id: `arc${'c'.repeat(32)}`, name: 'testers' },
  software: '0.1.0',
  startedAt: NOW,
  listening: ['/ip4/127.0.0.1/tcp/9410'],
  announced: [],
  reachable: 'unknown',
  web: 'http://127.0.0.1:9411',
  peers: { connected: 1, relayed: 0, members: 2 },
  catalog: { records: 5, origins: 2, datasets: 2, epoch: 1, seq: 3, digest: '', quarantined: [] },
  engines: [{ kind: 'embedded', state: 'ready', sandbox: true, languages: ['sql'], version: '1.5.6' }],
  disk: { freeBytes: 5e10, totalBytes: 1e11 },
  memoryBytes: 1e8,
  roles: { admin: true, mayInvite: true },
  findings: [],
}

const ISLANDS: V.IslandView[] = [
  {
    ...SELF,
    card: {
      name: SELF.name,
      site: 'MPE',
      place: { name: 'Garching', country: 'DE' },
      peerId: '12D3KooWFake',
      addresses: [],
      engines: [{ kind: 'embedded', languages: ['sql'], version: '1.5.6' }],
      services: [],
      software: '0.1.0',
    },
    self: true,
    liveness: 'live',
    connected: 'direct',
    rttMs: undefined,
    load: { running: 0, waiting: 0, cpu: 0.1, memory: 0.5 },
    lastSeen: NOW,
    datasets: 2,
    member: { since: NOW, invitedBy: undefined, mayInvite: true },
    quarantined: false,
  },
  {
    ...OTHER,
    card: undefined,
    self: false,
    liveness: 'suspect',
    connected: 'no',
    rttMs: 12.4,
    load: undefined,
    lastSeen: undefined,
    datasets: 0,
    member: { since: NOW, invitedBy: SELF.id, mayInvite: false },
    quarantined: false,
  },
]

export function taskResult(
  sql: string,
  rows: V.TaskResult['result']['rows'] = [
    ['Vega', 0.03],
    ['Sirius', -1.46],
  ],
): V.TaskResult {
  return {
    id: `${SELF.id}/1`,
    state: 'succeeded',
    askedAt: { island: SELF.id, name: SELF.name, time: NOW },
    ranAt: { island: OTHER.id, name: OTHER.name },
    datasets: [{ table: 'stars', id: `archipel:${OTHER.id}/stars`, version: VERSION }],
    result: {
      columns: [
        { name: 'name', type: 'VARCHAR' },
        { name: sql.length > 1000 ? 'long' : 'vmag', type: 'DOUBLE' },
      ],
      rows,
      rowCount: rows.length,
      truncated: false,
    },
    explain: [
      {
        island: OTHER.id,
        name: OTHER.name,
        chosen: true,
        holds: [`archipel:${OTHER.id}/stars`],
        confirmed: true,
        reason: 'holds all of it',
      },
      { island: SELF.id, name: SELF.name, chosen: false, holds: [], confirmed: false, reason: 'holds none of it' },
    ],
    elapsedMs: 12.5,
  }
}

const GROUPS = [
  'tasks',
  'tokens',
  'sessions',
  'statements',
  'actions',
  'mains',
  'transfers',
  'requests',
  'subscriptions',
  'rules',
  'livy',
] as const
type Group = (typeof GROUPS)[number]

type Functions = Partial<Omit<IslandPort, Group>> & {
  tasks?: Partial<IslandTasks>
  tokens?: Partial<IslandTokens>
  sessions?: Partial<IslandSessions>
  statements?: Partial<IslandStatements>
  actions?: Partial<IslandActions>
  mains?: Partial<IslandMains>
  transfers?: Partial<IslandTransfers>
  subscriptions?: Partial<IslandSubscriptions>
  rules?: Partial<IslandRules>
  requests?: Partial<IslandRequests>
  livy?: Partial<IslandLivy>
}

export interface FakeIsland extends IslandPort {
  /** Every call: the function (`tasks.show` for one of the tasks), its argument, and whether its signal was aborted afterwards. */
  calls: { name: string; argument: unknown; signal: AbortSignal | undefined }[]
  /** Replaces functions of this island. */
  script(functions: Functions): void
  fake: FakeTasks
  emit(event: V.IslandEvent | { lost: number }): void
  views: V.DatasetView[]
}

const LIVY_ENTRY = {
  type: 'session' as const,
  id: 1,
  owner: 'owner',
  kind: 'pyspark',
  state: 'idle',
  island: { id: SELF.id, name: SELF.name },
  engine: 'livy' as const,
  remoteId: 7,
  why: 'it holds the data',
  datasets: [],
  created: NOW,
  statements: [{ id: 0, state: 'available' }],
}

/** With the tokens of a real book. */
export function fakeIsland(tokens: Pick<IslandPort, 'tokens' | 'signInCode'>): FakeIsland {
  const calls: FakeIsland['calls'] = []
  const views = [datasetView('stars'), datasetView('nebulae', { format: 'parquet', keywords: ['nebulae'] })]
  const listeners = new Set<(event: V.IslandEvent | { lost: number }) => void>()

  const find = (ref: string): V.DatasetView => {
    const view = views.find((v) => v.id === ref || v.body.name === ref)
    if (view === undefined)
      throw new ArchipelError('DATASET_NOT_FOUND', `no dataset ${JSON.stringify(ref)} is known here`)
    return view
  }

  const fake = fakeTasks(SELF, OTHER)
  const interactive = fakeSessions(fakeEngine())
  const { actions, mains } = fakeActions(SELF, fake)
  const { shares: _, mains: __, ...shownActions } = actions
  const base: IslandPort = {
    status: async () => STATUS,
    islands: async () => ({ items: ISLANDS, total: ISLANDS.length }),
    datasets: async (filter) => {
      const items = views.filter((v) => filter.text === undefined || v.body.title.includes(filter.text))
      return { items, total: items.length }
    },
    dataset: async (ref) => find(ref),
    files: async (ref) => ({
      items: [{ path: `${find(ref).body.name}.csv`, bytes: 1_234_567, mediaType: 'text/csv', pieces: VERSION }],
      total: 1,
      version: VERSION,
    }),
    preview: async (ref, { rows = 20 }) => {
      const { id, publisher, body } = find(ref)
      const { columns, rows: all } = taskResult('').result
      return { id, publisher, version: body.version, columns, rows: all.slice(0, rows), truncated: true }
    },
    async url(ref, { path }, { token } = {}) {
      const { id, body } = find(ref)
      const url = `/files/of-${token}/${path}`
      return { dataset: id, version: body.version, path, bytes: FILE.content.length, expires: NOW, url }
    },
    async read({ ref, path }) {
      find(ref)
      if (path !== FILE.path) throw new ArchipelError('NOT_FOUND', `no file ${path}`)
      async function* open({ from, to }: { from: number; to: number }) {
        yield FILE.content.subarray(from, to)
      }
      const { pieces, mediaType } = FILE
      return { path, bytes: FILE.content.length, pieces, mediaType, open }
    },
    publish: async (request, { onProgress } = {}) => {
      const bytes = { done: 10, total: 10 }
      onProgress?.({ phase: 'hash', files: { done: 0, total: 1 }, bytes: { ...bytes, done: 5 } })
      onProgress?.({ phase: 'record', files: { done: 1, total: 1 }, bytes })
      return datasetView(request.name ?? 'published', { title: request.title ?? 'published' })
    },
    ...fakeVersions((ref) => find(ref)),
    unpublish: async (ref) => ({ id: find(ref).id }),
    resolve: async ({ ref }) => ({
      id: find(ref).id,
      aliases: [],
      holders: [
        {
          island: SELF.id,
          name: SELF.name,
          publisher: SELF.id,
          version: VERSION,
          state: 'available',
          via: ['catalog', 'dht'],
          freshness: NOW,
          confirmed: true,
        },
      ],
      elapsedMs: 1.5,
    }),
    ...fakeTransfers(OTHER, NOW),
    subscriptions: fakeSubscriptions(OTHER, NOW),
    rules: fakeRules(OTHER, NOW),
    ...fakeRequests(SELF, OTHER, NOW),
    sql: async ({ sql }) => taskResult(sql),
    tasks: fake,
    actions: shownActions,
    mains,
    ...tokens,
    sessions: interactive.sessions,
    statements: interactive.statements,
    livy: {
      list: async () => ({ items: [LIVY_ENTRY], total: 1 }),
      end: async (type, id) => {
        if (type !== 'sessions' || id !== LIVY_ENTRY.id)
          throw new ArchipelError('SESSION_NOT_FOUND', `no ${type} ${id}`)
        return { id }
      },
      output: async (session, statement) => {
        if (session !== LIVY_ENTRY.id) throw new ArchipelError('SESSION_NOT_FOUND', `no session ${session}`)
        if (statement !== 0) throw new ArchipelError('STATEMENT_NOT_FOUND', `no statement ${statement}`)
        return { text: '{"status":"ok"}', offset: 0, next: 15, total: 15, ended: true }
      },
    },
    invite: async (request) => ({
      ticket: 'archipel1ticket',
      id: 'tkt1',
      expires: NOW,
      mayInvite: request.mayInvite ?? false,
    }),
    revoke: async ({ member, ticket }) => ({ revoked: member ?? ticket ?? '' }),
    pardon: async ({ island }) => ({ pardoned: island, epoch: 7 }),
    leave: async () => ({ withdrawn: 3, toldPeers: 1 }),
    journal: async () => ({
      items: [{ time: NOW, actor: 'owner@garching', action: 'publish', subject: 'stars', outcome: 'ok' }],
    }),
    config: async () => ({
      settings: { 'web.port': { value: 9411, source: 'default' }, site: { source: 'default' } },
    }),
    async *events({ signal } = {}) {
      const queue: (V.IslandEvent | { lost: number })[] = []
      let wake = () => {}
      const listener = (event: V.IslandEvent | { lost: number }) => {
        queue.push(event)
        wake()
      }
      listeners.add(listener)
      const onAbort = () => wake()
      signal?.addEventListener('abort', onAbort)
      try {
        while (!signal?.aborted) {
          const next = queue.shift()
          if (next !== undefined) yield next
          else {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
          }
        }
      } finally {
        listeners.delete(listener)
        signal?.removeEventListener('abort', onAbort)
      }
    },
  }

  let scripted: Functions = {}
  type Any = (...args: unknown[]) => unknown
  const island: Record<string, unknown> = {
    calls,
    views,
    fake,
    script(functions: Functions) {
      scripted = functions
    },
    emit(event: V.IslandEvent) {
      for (const listener of listeners) listener(event)
    },
  }
  const noted =
    (name: string, find: () => unknown): Any =>
    (...args) => {
      const last = args.at(-1) as { signal?: AbortSignal } | undefined
      calls.push({
        name,
        argument: args.length > 1 || last?.signal === undefined ? args[0] : undefined,
        signal: last?.signal,
      })
      return (find() as Any)(...args)
    }
  const helpers = ['onSubmit', 'ids', 'move', 'print', 'succeed']
  for (const name of Object.keys(base) as (keyof IslandPort)[]) {
    const group = GROUPS.find((known) => known === name)
    if (group === undefined) island[name] = noted(name, () => scripted[name] ?? base[name])
    else {
      const functions: Record<string, unknown> = { ...base[group] }
      const replaced = () => (scripted[group] ?? {}) as Record<string, unknown>
      island[group] = Object.fromEntries(
        Object.keys(functions)
          .filter((each) => !helpers.includes(each))
          .map((each) => [each, noted(`${group}.${each}`, () => replaced()[each] ?? functions[each])]),
      )
    }
  }
  return island as unknown as FakeIsland
}

/** A promise that rejects as an aborted call does, and never settles before. */
export function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')), { once: true })
  })
}

/** Numbers of an island that does nothing. `waiting` is why it is not ready. */
export function fakeHealth(waiting: string[] = []): IslandHealth {
  return {
    notReady: () => waiting,
    numbers: async () => ({
      peers: { direct: 1, relayed: 0 },
      members: 2,
      catalog: { records: 5, origins: 2, datasets: 2 },
      datasets: { served: 2, stale: 0, lost: 0 },
      replicas: { states: { available: 1 }, bytes: 10, scrubbedBytes: 7, badFiles: 1, repairs: 1, waitingFiles: 0 },
      transfers: {
        states: { transferring: 1 },
        receivedBytes: 10,
        sentBytes: 20,
        httpsBytes: { received: 3, sent: 4 },
      },
      tasks: { queued: 0, placing: 0, staging: 0, running: 1 },
      work: { running: 1, waiting: 0, slots: 4 },
      engine: { up: true, sandbox: true, running: 1, waiting: 0 },
      sessions: { idle: 1, busy: 0, dead: 0 },
      disk: { freeBytes: 5e10, totalBytes: 1e11 },
    }),
  }
}
