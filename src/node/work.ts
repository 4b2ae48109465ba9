/** The parts of an island that do work, put together: results, placement, tasks. */
import type { Logger } from 'pino'
import { datasetBody } from '../protocols/model/dataset.ts'
import type { TableFormat } from '../protocols/model/task.ts'
import type { SqlRequest, TableExport, TaskResult, TaskSummary } from '../protocols/model/views.ts'
import { actions } from './actions/actions.ts'
import type { ActionsPort } from './actions/port.ts'
import type { BrowsePort } from './browse/browse.ts'
import type { CatalogPort } from './catalog/port.ts'
import type { Config } from './config/schema.ts'
import type { DatasetsPort } from './datasets/datasets.ts'
import type { EnginePort, SqlAnalyser } from './engines/port.ts'
import { failpointOf } from './failpoint.ts'
import { pathIn } from './identity/data-dir.ts'
import type { JournalPort } from './journal/journal.ts'
import { mainFiles } from './main-files.ts'
import type { MainsPort } from './mains/port.ts'
import type { Roster } from './members/roster.ts'
import type { NetworkPort } from './network/port.ts'
import { type Placing, placing } from './placement/placing.ts'
import type { PlacementData } from './placement/port.ts'
import type { PolicyPort } from './policy/policy.ts'
import type { PresencePort } from './presence/presence.ts'
import type { IslandLookup, Located } from './resolve/port.ts'
import type { ResolverPort } from './resolve/resolver.ts'
import { tableExporter } from './results/exporter.ts'
import { resultPublisher } from './results/publish-result.ts'
import { tableOf } from './results/rows.ts'
import { spool } from './results/spool.ts'
import type { StorePort } from './store/port.ts'
import { systemClock } from './tasks/clock.ts'
import { newTaskSuffix } from './tasks/ids.ts'
import { checkRequest } from './tasks/requester/submit.ts'
import { sqlOnTasks } from './tasks/sql.ts'
import { taskStore } from './tasks/store/task-store.ts'
import { type Tasks, tasks } from './tasks/tasks.ts'
import { taskRemotes } from './tasks/wire/remotes.ts'
import { serveOldRuns } from './tasks/wire/serve-old.ts'
import { serveTasks } from './tasks/wire/serve-tasks.ts'
import { SOFTWARE } from './version.ts'

export interface WorkComponents {
  config: Config
  self: string
  store: StorePort
  catalog: CatalogPort
  network: NetworkPort
  engine: EnginePort & SqlAnalyser
  datasets: DatasetsPort
  browse: BrowsePort
  roster: Roster
  presence: Pick<PresencePort, 'of'>
  lookup: IslandLookup
  resolver: ResolverPort
  policy: PolicyPort
  journal: JournalPort
  islandNamed: (text: string) => string
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
  onTask(task: TaskSummary): void
  logger: (component: string) => Logger
}

export interface Work {
  tasks: Tasks & { table(id: string, format: TableFormat, options?: { signal?: AbortSignal }): Promise<TableExport> }
  mains: Pick<MainsPort, 'put'>
  actions: ActionsPort
  sql(request: SqlRequest, options?: { signal?: AbortSignal; user?: string }): Promise<TaskResult>
  placing: Placing
  /** Shows it to others, and takes up what ran here. To be called before they can ask. */
  start(options: { stopping: AbortSignal }): Promise<void>
  /** Bytes of all results and logs on the disk. */
  resultsBytes(): Promise<number>
  /** After a dataset went: data of results that no dataset consists of any more go, too. */
  unpublished(): Promise<void>
  /** Takes up the own tasks. To be called when others can be reached. */
  resume(): Promise<void>
  /** Work at Spark goes on, unless this is `forGood`. */
  stop(options?: { forGood?: boolean }): Promise<void>
}

export function islandWork(components: WorkComponents): Work {
  const { config, self, store, catalog, network, engine, datasets, lookup, resolver, policy, journal, logger } =
    components
  const clock = systemClock
  const results = spool(
    { dir: pathIn(config.dataDir, 'results'), totalBytes: config.tasks.resultsBytes },
    { logger: logger('results') },
  )
  const state = store.bucket('state')
  const place = placing({
    self,
    network,
    connect: components.connect,
    policy,
    journal,
    engine,
    holdings: (ids) => datasets.holdings(ids),
    localLoad: (engine) => made.provider.load(engine),
    nameOf: lookup.nameOf,
    isMember: lookup.isMember,
    members: () => components.roster.all().map((m) => m.id),
    liveness: lookup.liveness,
    card: (island) => components.roster.card(island),
    load: (island) => components.presence.of(island).load,
    store: { get: (key) => state.get(key), put: (key, value) => state.put(key, value) },
    logger: logger('placement'),
  })

  async function withBytes(table: string, located: Located): Promise<PlacementData> {
    const { id, publisher, version, holders } = located
    const view = await components.browse.view(publisher, id)
    return { table, id, publisher, version, holders, bytes: view?.body.size ?? 0 }
  }

  /** As known here; where nobody is said to have it as it was published, the islands themselves are asked: files come back. */
  async function found(ref: string, signal: AbortSignal): Promise<Located[]> {
    const located = await resolver.locate(ref, { via: 'both', confirm: false, signal })
    const there = located.some((l) => l.holders.some((h) => h.state === 'available' && h.version === l.version))
    return there ? located : await resolver.locate(ref, { via: 'both', confirm: true, signal })
  }

  const exporter = tableExporter({ createdBy: SOFTWARE })
  const publisher = resultPublisher(
    { dir: pathIn(config.dataDir, 'published'), self, software: SOFTWARE },
    {
      spool: results,
      exporter,
      publish: (request, options) => datasets.publish(request, options),
      own: async (id) => datasetBody.safeParse((await catalog.get('dataset', id, self))?.body).data,
      async *owned() {
        for await (const { body } of catalog.own('dataset')) {
          const parsed = datasetBody.safeParse(body)
          if (parsed.success) yield parsed.data
        }
      },
      sources: () => datasets.sources(),
      logger: logger('results'),
    },
  )

  const actionsHere = actions(
    { self },
    {
      store: store.bucket('actions'),
      catalog,
      nameOf: lookup.nameOf,
      isMember: lookup.isMember,
      islandNamed: components.islandNamed,
      mains: { find: (file) => files.kept.find(file) },
      fetchMain: (file, publisher, options) => files.fetch(file, publisher, options),
      check: checkRequest,
      submit: (request, options) => made.submit(request, options),
      journal,
      logger: logger('actions'),
    },
  )
  const failpoint = failpointOf(process.env.ARCHIPEL_FAILPOINT)
  const kept = taskStore({
    store,
    ...(failpoint === undefined ? {} : { failpoint }),
    onBroken: (key) => logger('tasks').error({ key }, 'an entry of the store cannot be read, and is left out'),
  })
  const files = mainFiles({
    config,
    self,
    network,
    store: kept,
    connect: components.connect,
    actions: actionsHere,
    logger: logger('mains'),
  })
  const made = tasks(
    {
      self,
      requester: {
        leaseMs: config.tasks.leaseMs,
        maxUnfinishedPerUser: config.tasks.unfinishedPerUser,
        maxUnfinished: config.tasks.unfinished,
        active: config.tasks.active,
        resultDays: config.tasks.resultDays,
        taskDays: config.tasks.days,
        maxTasks: config.tasks.kept,
      },
      provider: {
        slots: config.engine.sessions,
        sparkSlots: config.livy.taskSessions,
        maxWaiting: config.tasks.queue,
        maxPerIsland: config.tasks.perIsland,
        maxPerUser: config.tasks.perUser,
        claimMs: config.tasks.claimMs,
        unclaimedDays: config.tasks.unclaimedDays,
        keepDays: config.tasks.days,
        maxAttempts: config.tasks.kept,
      },
    },
    {
      clock,
      store: kept,
      main: files.main,
      mains: files.mains,
      spool: results,
      remotes: (here) =>
        taskRemotes(
          { self },
          {
            network,
            connect: (island, signal) => components.connect(island, { signal }),
            islandOf: lookup.islandOf,
            spool: results,
            here,
          },
        ),
      placement: place,
      links: place.links,
      queue: place.queue,
      results: place.results,
      analyser: engine,
      engine,
      data: datasets,
      async locate(ref, { signal }) {
        return await withBytes(ref, resolver.one(ref, await found(ref, signal)))
      },
      async holders(ref, { signal }) {
        const located = await found(ref.id, signal)
        const same = located.filter((l) => l.version === ref.version)
        const pinned = { ...(same[0] ?? located[0]!), ...ref, holders: same.flatMap((l) => l.holders) }
        return await withBytes(ref.table, pinned)
      },
      islandNamed: components.islandNamed,
      nameOf: lookup.nameOf,
      isMember: lookup.isMember,
      publish: (task, key, options) => publisher.publish(task, key, options),
      checkPublish: (id) => publisher.check(id),
      policy,
      journal,
      newId: newTaskSuffix(clock),
      onChange: components.onTask,
      logger: logger('tasks'),
    },
  )

  return {
    placing: place,
    mains: files.kept,
    actions: actionsHere,
    resultsBytes: () => results.bytes(),
    sql: sqlOnTasks(made),
    tasks: {
      ...made,
      async table(id, format, options = {}) {
        const view = await made.show(id, options)
        if (view.result === undefined) await made.rows(id, { from: 0, limit: 1 }, options)
        const signal = options.signal ?? new AbortController().signal
        const table = tableOf(view.result!, (item) => made.read(id, item, options))
        return await exporter.export(table, format, { signal })
      },
    },
    async start(options) {
      await publisher.start()
      await place.start()
      await files.kept.start()
      await files.serve(options)
      await made.start()
      await serveTasks(network, made.handlers, options)
      await serveOldRuns(
        { network, clock, engine, data: datasets, policy, journal, queue: made.provider.queue },
        options,
      )
    },
    unpublished: () => publisher.sweep(),
    resume: () => made.resume(),
    async stop(options) {
      await made.stop(options)
      files.kept.stop()
      await place.stop()
    },
  }
}
