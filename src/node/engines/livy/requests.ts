import type {
  LivyBatchRequest,
  LivyResources,
  LivySession,
  LivySessionRequest,
} from '../../../protocols/livy/objects.ts'
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import type { SparkDataset } from './locations.ts'
import type { LivyAbilities } from './shapes.ts'

/** Who a user is at the site: `*` stands for everybody; without either, nobody is impersonated. */
export type ProxyUsers = Record<string, string>

/**
 * As whom a request runs. What a client asks for is no proof: only the site says who may be whom.
 * @throws LivyRefusal where it asks to be somebody else
 */
export function proxyUserOf(
  asked: string | undefined,
  user: string | undefined,
  known: ProxyUsers,
): string | undefined {
  const as = (user === undefined ? undefined : known[user]) ?? known['*']
  if (as !== undefined && asked !== undefined && asked !== as && asked !== user)
    throw new LivyRefusal(403, { msg: `User '${user ?? ''}' not allowed to impersonate 'Some(${asked})'.` })
  return as
}

export interface Additions {
  /** What it is called at Livy. */
  name: string
  proxyUser?: string
  /** The site's own settings; a client's own value of one of these keys is kept. */
  conf: Record<string, string>
  datasets: SparkDataset[]
}

/** What Livy gets of a request for a session: all that its version knows, and what is ours. */
export function sessionBody(asked: LivySessionRequest, ours: Additions, able: LivyAbilities): Record<string, unknown> {
  const { heartbeatTimeoutInSecond: _ours, ttl, idleTimeout, ...rest } = asked
  return {
    ...common(rest, ours),
    ...(able.ttl && ttl !== undefined && { ttl }),
    ...(able.idleTimeout && idleTimeout !== undefined && { idleTimeout }),
  }
}

export function batchBody(asked: LivyBatchRequest, ours: Additions): Record<string, unknown> {
  return common(asked, ours)
}

function common(asked: LivyResources, { name, proxyUser, conf, datasets }: Additions): Record<string, unknown> {
  const { proxyUser: _asked, name: _name, conf: own, ...rest } = asked
  const all = { ...conf, ...own, ...datasetConf(datasets) }
  return { ...rest, ...(proxyUser !== undefined && { proxyUser }), name, conf: all }
}

export const DATASET_CONF = 'spark.archipel.datasets.'

/**
 * Spark keeps keys that begin with `spark.` only: `spark.archipel.datasets.<name>.path` and `.format`, commas between paths.
 * A key ends at the first `=`, so that of a name is written `%3D`.
 */
export function datasetConf(datasets: SparkDataset[]): Record<string, string> {
  return Object.fromEntries(
    datasets.flatMap(({ names, paths, format, schema, options }) =>
      names
        .map((name) => name.replaceAll('=', '%3D'))
        .flatMap((name) => [
          [`${DATASET_CONF}${name}.path`, paths.join(',')],
          [`${DATASET_CONF}${name}.format`, format ?? 'files'],
          ...(schema === undefined ? [] : [[`${DATASET_CONF}${name}.schema`, schema]]),
          ...Object.entries(options).map(([key, value]) => [`${DATASET_CONF}${name}.option.${key}`, value]),
        ]),
    ),
  )
}

/** A session as it was asked for: without our name, our settings and the places of the data. */
export function shownSession(session: LivySession, asked: LivySessionRequest, able: LivyAbilities): LivySession {
  const { proxyUser: _proxy, kind: _kind, ...own } = asked
  return {
    ...session,
    ...definedOnly(own),
    name: asked.name ?? null,
    conf: asked.conf ?? {},
    heartbeatTimeoutInSecond: asked.heartbeatTimeoutInSecond ?? 0,
    ttl: asked.ttl ?? (able.showsTtl ? session.ttl : null),
  }
}

const definedOnly = <T extends object>(object: T): Partial<T> =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>
