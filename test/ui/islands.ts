/** Three islands: one that a person uses, two with data. */
import { fileURLToPath } from 'node:url'
import { freePort } from '../kit/index.ts'
import { Fleet, type FleetIsland, type TestContext } from '../network/fleet.ts'

const data = (name: string) => fileURLToPath(new URL(`../../examples/data/${name}`, import.meta.url))

export interface Three {
  fleet: Fleet
  university: FleetIsland
  observatory: FleetIsland
  institute: FleetIsland
}

export async function threeIslands(t: TestContext): Promise<Three> {
  const fleet = await Fleet.create(t)
  const university = await fleet.found('university', { webPort: await freePort() })
  const observatory = await fleet.join('observatory', university)
  const institute = await fleet.join('institute', university)
  await fleet.run(observatory, [
    ...['publish', data('bright_stars.csv'), '--title', 'Yale Bright Star Catalogue, 5th edition'],
    ...['--keyword', 'stars', '--keyword', 'photometry', '--licence', 'MIT', '--creator', 'Dorrit Hoffleit'],
  ])
  await fleet.run(institute, [
    ...['publish', data('openngc.csv'), '--title', 'OpenNGC: NGC and IC objects'],
    ...['--keyword', 'galaxies', '--keyword', 'nebulae', '--licence', 'CC-BY-SA-4.0', '--creator', 'Mattia Verga'],
  ])
  await fleet.converged(fleet.islands, { datasets: 2 })
  return { fleet, university, observatory, institute }
}
