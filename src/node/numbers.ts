/** What an island says of itself to those that watch it: numbers for metrics, and whether it is ready. */
import { statfs } from 'node:fs/promises'
import type { IslandParts } from './island-port.ts'

/** As `IslandHealth` of the web service's ports. */
export function islandHealth(parts: IslandParts) {
  const { config, catalog, network, roster, browse, datasets, engine, work, sessions } = parts
  function moved() {
    const { states, bytes, transfers, receivedBytes, care } = parts.moving.replicas.numbers()
    const sentBytes = parts.moving.provider.sentBytes()
    const httpsBytes = parts.moving.httpsBytes()
    return {
      replicas: { states, bytes, ...care },
      transfers: { states: transfers, receivedBytes, sentBytes, httpsBytes },
    }
  }

  return {
    notReady(): string[] {
      const why: string[] = []
      if (parts.signal.aborted) why.push('stopping')
      // Alone there is nobody to recover from.
      if (catalog.status().recovering && roster.all().length > 1) why.push('recovering')
      return why
    },
    async numbers() {
      const connections = network.connections()
      const { records, origins } = catalog.status()
      const [stale, lost, served, disk] = await Promise.all([
        datasets.stale(),
        datasets.lost(),
        datasets.served(),
        statfs(config.dataDir),
      ])
      const { running, waiting, slots } = work.tasks.provider.load()
      const relayed = connections.filter((c) => c.relayed).length
      const { state, sandbox, ...sessionsOfEngine } = engine.status()
      return {
        peers: { direct: connections.length - relayed, relayed },
        members: roster.all().length,
        catalog: { records, origins, datasets: browse.count() },
        datasets: { served: served.length, stale: stale.length, lost: lost.length },
        ...moved(),
        tasks: work.tasks.status().states,
        work: { running, waiting, slots },
        engine: {
          up: state === 'ready',
          sandbox,
          running: sessionsOfEngine.running,
          waiting: sessionsOfEngine.waiting,
        },
        sessions: sessions.status(),
        disk: { freeBytes: disk.bavail * disk.bsize, totalBytes: disk.blocks * disk.bsize },
      }
    },
  }
}
