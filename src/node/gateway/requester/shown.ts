/** What clients see: Livy's object of the other side, with this endpoint's numbers and names. */
import type { LivyAppInfo, LivyBatch, LivyResources, LivySession } from '../../../protocols/livy/objects.ts'
import type { BatchRecord, EntryRecord, SessionRecord } from './records.ts'
import { CONF_PREFIX } from './routing.ts'

/** Without the settings that are for this endpoint alone, and without what it sees to itself. */
export function forSite<T extends LivyResources & { heartbeatTimeoutInSecond?: number }>(request: T): T {
  const { conf, heartbeatTimeoutInSecond: _, ...rest } = request
  if (conf === undefined) return rest as T
  const kept = Object.entries(conf).filter(([key]) => !key.startsWith(CONF_PREFIX))
  return { ...rest, conf: Object.fromEntries(kept) } as T
}

/** Where it is and why, for those who look: the one map of Livy's that takes more keys. */
function appInfo(record: EntryRecord, nameOf: ((island: string) => string) | undefined): LivyAppInfo {
  const base = record.last?.appInfo ?? { driverLogUrl: null, sparkUiUrl: null, executorLogUrls: null }
  return {
    ...base,
    archipelIsland: nameOf?.(record.island) ?? record.island,
    ...(record.engine === undefined ? {} : { archipelEngine: record.engine }),
    ...(record.datasets.length === 0 ? {} : { archipelDatasets: record.datasets.map((d) => d.table).join(',') }),
    archipelWhy: record.why,
  }
}

export function shownSession(record: SessionRecord, nameOf?: (island: string) => string): LivySession {
  const { request, last } = record
  const base: LivySession = last ?? {
    id: record.id,
    name: null,
    appId: null,
    owner: null,
    proxyUser: null,
    state: 'starting',
    kind: request.kind,
    appInfo: {},
    log: ['stdout: ', '\nstderr: '],
    ttl: request.ttl ?? null,
    idleTimeout: request.idleTimeout ?? null,
    driverMemory: request.driverMemory ?? null,
    driverCores: request.driverCores ?? 0,
    executorMemory: request.executorMemory ?? null,
    executorCores: request.executorCores ?? 0,
    conf: {},
    archives: request.archives ?? [],
    files: request.files ?? [],
    heartbeatTimeoutInSecond: 0,
    jars: request.jars ?? [],
    numExecutors: request.numExecutors ?? 0,
    pyFiles: request.pyFiles ?? [],
    queue: request.queue ?? null,
  }
  return {
    ...base,
    id: record.id,
    name: record.name,
    owner: record.owner,
    conf: request.conf ?? {},
    heartbeatTimeoutInSecond: request.heartbeatTimeoutInSecond ?? 0,
    appInfo: appInfo(record, nameOf),
  }
}

export function shownBatch(record: BatchRecord, nameOf?: (island: string) => string): LivyBatch {
  const base: LivyBatch = record.last ?? {
    id: record.id,
    name: null,
    owner: null,
    proxyUser: null,
    state: 'starting',
    appId: null,
    appInfo: {},
    log: ['stdout: ', '\nstderr: '],
  }
  return { ...base, id: record.id, name: record.name, owner: record.owner, appInfo: appInfo(record, nameOf) }
}
