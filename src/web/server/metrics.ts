/**
 * Metrics in the text format of Prometheus. Labels are words of the program: routes, codes, states, never an id or a name.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { IslandHealth, IslandNumbers } from '../ports.ts'

export interface Metrics {
  start(): void
  stop(): void
  /** A request whose answer begins: with what status, after how many seconds. `route` is a name of the table. */
  request(route: string, status: number, seconds: number): void
  /** @throws what the numbers of the island throw */
  text(): Promise<string>
  readonly mediaType: string
}

/** Seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const RESOLUTION_MS = 20

type Values = Record<string, number>

/** Name, help, the label if there is one, and the values by label (or one value). */
const GAUGES: readonly [
  name: string,
  help: string,
  label: string | undefined,
  of: (n: IslandNumbers) => Values | number,
][] = [
  ['archipel_peers', 'Islands that are connected, by the way.', 'way', (n) => n.peers],
  ['archipel_members', 'Members of the archipelago.', undefined, (n) => n.members],
  ['archipel_catalog_records', 'Records of the catalog.', undefined, (n) => n.catalog.records],
  ['archipel_catalog_origins', 'Islands whose records are in the catalog.', undefined, (n) => n.catalog.origins],
  ['archipel_catalog_datasets', 'Datasets of all islands.', undefined, (n) => n.catalog.datasets],
  ['archipel_datasets', 'Datasets of this island, by state.', 'state', (n) => n.datasets],
  ['archipel_replicas', 'Replicas of other islands’ datasets, by state.', 'state', (n) => n.replicas.states],
  ['archipel_replicas_bytes', 'Bytes of whole files of replicas.', undefined, (n) => n.replicas.bytes],
  ['archipel_replicas_scrubbed_bytes_total', 'Bytes read anew.', undefined, (n) => n.replicas.scrubbedBytes],
  ['archipel_replicas_bad_files_total', 'Files found bad.', undefined, (n) => n.replicas.badFiles],
  ['archipel_replicas_repairs_total', 'Repairs begun.', undefined, (n) => n.replicas.repairs],
  ['archipel_replicas_damaged_files', 'Bad files not fetched again yet.', undefined, (n) => n.replicas.waitingFiles],
  ['archipel_transfers', 'Unfinished transfers to this island, by state.', 'state', (n) => n.transfers.states],
  ['archipel_transfers_received_bytes_total', 'Verified bytes received.', undefined, (n) => n.transfers.receivedBytes],
  ['archipel_transfers_sent_bytes_total', 'Bytes of files given to others.', undefined, (n) => n.transfers.sentBytes],
  ['archipel_transfers_https_bytes_total', 'Bytes of files by HTTPS.', 'direction', (n) => n.transfers.httpsBytes],
  ['archipel_tasks', 'Unfinished tasks that this island asked for, by state.', 'state', (n) => n.tasks],
  ['archipel_work_running', 'Pieces of work that run here.', undefined, (n) => n.work.running],
  ['archipel_work_waiting', 'Pieces of work that wait here.', undefined, (n) => n.work.waiting],
  ['archipel_work_slots', 'Pieces of work that may run here at a time.', undefined, (n) => n.work.slots],
  ['archipel_engine_up', 'Whether the engine takes work.', undefined, (n) => Number(n.engine.up)],
  ['archipel_engine_sandbox', 'Whether programs run in a sandbox.', undefined, (n) => Number(n.engine.sandbox)],
  ['archipel_engine_sessions', 'Sessions of the engine.', undefined, (n) => n.engine.running],
  ['archipel_engine_waiting', 'Callers that wait for a session of the engine.', undefined, (n) => n.engine.waiting],
  ['archipel_sessions', 'Interactive sessions, by state.', 'state', (n) => n.sessions],
  ['archipel_disk_free_bytes', 'Free bytes of the disk of the data directory.', undefined, (n) => n.disk.freeBytes],
  ['archipel_disk_total_bytes', 'Bytes of the disk of the data directory.', undefined, (n) => n.disk.totalBytes],
]

export function metrics(health: Pick<IslandHealth, 'numbers'>, { readers }: { readers: () => number }): Metrics {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  const requests = new Counter({
    name: 'archipel_http_requests_total',
    help: 'Requests to the web service, by route and status.',
    labelNames: ['route', 'code'],
    registers,
  })
  const seconds = new Histogram({
    name: 'archipel_http_request_duration_seconds',
    help: 'Seconds until the answer begins.',
    labelNames: ['route'],
    buckets: BUCKETS,
    registers,
  })
  const made = GAUGES.map(([name, help, label, of]) => {
    const gauge = new Gauge({ name, help, labelNames: label === undefined ? [] : [label], registers })
    return { gauge, label, of }
  })
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers })
  const memory = gauge('archipel_memory_bytes', 'Bytes of memory of the process, by kind.', ['kind'])
  const processor = gauge('archipel_cpu_seconds_total', 'Seconds of processor time of the process.')
  const uptime = gauge('archipel_uptime_seconds', 'Seconds since the process began.')
  const lag = gauge('archipel_event_loop_lag_seconds', 'Delay of the event loop since the last scrape.', ['quantile'])
  const listening = gauge('archipel_event_readers', 'Readers of the stream of events.')
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  function ofProcess(): void {
    const { rss, heapUsed, external } = process.memoryUsage()
    for (const [kind, bytes] of Object.entries({ rss, heap: heapUsed, external })) memory.set({ kind }, bytes)
    const { user, system } = process.cpuUsage()
    processor.set((user + system) / 1e6)
    uptime.set(process.uptime())
    const above = (ns: number) => Math.max(0, ns / 1e9 - RESOLUTION_MS / 1000) || 0
    lag.set({ quantile: '0.5' }, above(delay.percentile(50)))
    lag.set({ quantile: '0.99' }, above(delay.percentile(99)))
    lag.set({ quantile: '1' }, above(delay.max))
    delay.reset()
    listening.set(readers())
  }

  return {
    mediaType: registry.contentType,
    start: () => void delay.enable(),
    stop: () => void delay.disable(),
    request(route, status, took) {
      requests.inc({ route, code: String(status) })
      seconds.observe({ route }, took)
    },
    async text() {
      const numbers = await health.numbers()
      for (const { gauge: each, label, of } of made) {
        const value = of(numbers)
        if (typeof value === 'number') each.set(value)
        else {
          each.reset()
          for (const [word, count] of Object.entries(value)) each.set({ [label ?? '']: word }, count)
        }
      }
      ofProcess()
      return await registry.metrics()
    },
  }
}
