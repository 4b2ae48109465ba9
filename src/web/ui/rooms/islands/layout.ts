/** Where the islands are drawn: a simulation of forces that goes on until it rests, and again when one comes or goes. */
import {
  forceCollide,
  forceLink,
  forceManyBody,
  forceSimulation,
  forceX,
  forceY,
  type SimulationLinkDatum,
  type SimulationNodeDatum,
} from 'd3-force'
import type { IslandView } from '../../../../protocols/model/views.ts'

export interface Spot extends SimulationNodeDatum {
  id: string
  island: IslandView
}

export interface Layout {
  spots: Spot[]
  /** Takes the islands as they are now; those that stay keep their places. */
  update(islands: IslandView[], width: number, height: number): void
  stop(): void
}

/** How far from the own island: near ones answer sooner, lost ones drift away. */
function distance({ island }: Spot, room: number): number {
  if (island.liveness === 'lost') return room * 0.5
  if (island.connected === 'no') return room * 0.46
  return room * (0.32 + 0.12 * Math.min(1, (island.rttMs ?? 50) / 300))
}

/** @param moves false where the user asked for less motion: it jumps to rest */
export function layout(onMove: () => void, moves: boolean): Layout {
  const simulation = forceSimulation<Spot>([]).stop()
  let shape = ''
  const self: Layout = {
    spots: [],
    update(islands, width, height) {
      const known = new Map(self.spots.map((spot) => [spot.id, spot]))
      self.spots = islands.map((island, i) => {
        const angle = i * 2.399963
        const spot = known.get(island.id) ?? {
          id: island.id,
          island,
          x: Math.cos(angle) * width * 0.3,
          y: Math.sin(angle) * height * 0.3,
        }
        spot.island = island
        if (island.self) Object.assign(spot, { fx: 0, fy: 0 })
        return spot
      })
      const now = `${width} ${height} ${islands.map((i) => i.id + i.liveness + i.connected).join()}`
      if (now === shape) return onMove()
      shape = now
      const own = self.spots.find((spot) => spot.island.self)
      const room = Math.min(width, height * 1.4)
      const links: SimulationLinkDatum<Spot>[] =
        own === undefined ? [] : self.spots.filter((s) => s !== own).map((spot) => ({ source: own, target: spot }))
      simulation
        .nodes(self.spots)
        .force('charge', forceManyBody<Spot>().strength(-room * 1.6))
        .force('apart', forceCollide<Spot>(Math.min(52, room / 8)))
        .force('x', forceX<Spot>(0).strength(0.03))
        .force('y', forceY<Spot>(0).strength(0.03 * (width / Math.max(1, height))))
        .force(
          'link',
          forceLink<Spot, SimulationLinkDatum<Spot>>(links)
            .distance((link) => distance(link.target as Spot, room))
            .strength(0.7),
        )
        .alpha(0.9)
      simulation.on('tick', onMove)
      if (moves) simulation.restart()
      else {
        simulation.stop().tick(200)
        onMove()
      }
    },
    stop() {
      simulation.on('tick', null).stop()
    },
  }
  return self
}
