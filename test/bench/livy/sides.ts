/** The same work at a Livy itself and through an island, in turns, and what comes of it. */
import { type Figure, median, percentile } from '../bench.ts'
import type { Place } from './place.ts'

/** Of a Livy itself, and through the island. */
export interface Sides<T> {
  direct: T
  island: T
}

export type Places = Sides<Place>

/** Both once a round, the first one in turns, so that a busy machine meets both alike. */
export async function inTurns(
  rounds: number,
  work: Sides<(round: number) => Promise<number>>,
): Promise<Sides<number[]>> {
  const times: Sides<number[]> = { direct: [], island: [] }
  for (let round = 0; round < rounds; round++) {
    const order = ['direct', 'island'] as const
    for (const side of round % 2 === 0 ? order : order.toReversed()) times[side].push(await work[side](round))
  }
  return times
}

/** Both, one after the other. */
export async function each<From, To>(of: Sides<From>, work: (one: From) => Promise<To>): Promise<Sides<To>> {
  return { direct: await work(of.direct), island: await work(of.island) }
}

/** The median, beside that of Livy. */
export function beside(what: string, { direct, island }: Sides<number[]>): Figure {
  const value = median(direct)
  return {
    what: `${what}, median`,
    value: median(island),
    unit: 'ms',
    baseline: { what: 'Livy itself', value, unit: 'ms', ratio: median(island) / value },
  }
}

/** What the island adds to each: half of the rounds added less. */
export function added(what: string, { direct, island }: Sides<number[]>, most?: number): Figure {
  const differences = island.map((ms, i) => ms - direct[i]!)
  const figure = { what: `${what} adds (median of rounds)`, value: median(differences), unit: 'ms' }
  return most === undefined ? figure : { ...figure, target: { below: most } }
}

/** Times of what cannot be faster than some least: the best of each side. */
export function least(what: string, { direct, island }: Sides<number[]>): Figure {
  return { what: `${what} adds (p10 of each)`, value: percentile(island, 10) - percentile(direct, 10), unit: 'ms' }
}

const sum = (values: number[]) => values.reduce((all, value) => all + value, 0)

/** The summed times as a part of those of Livy. */
export function ofLivy(what: string, { direct, island }: Sides<number[]>, most?: number): Figure {
  const ratio = sum(island) / sum(direct)
  const figure: Figure = {
    what: `${what}, summed`,
    value: ratio,
    unit: 'x',
    baseline: { what: 'Livy itself, each', value: sum(direct) / direct.length, unit: 'ms', ratio },
  }
  return most === undefined ? figure : { ...figure, target: { below: most } }
}

/** Half of the rounds had a smaller ratio. */
export function ratioOfRounds(what: string, { direct, island }: Sides<number[]>, most?: number): Figure {
  const value = median(island.map((ms, i) => ms / direct[i]!))
  const figure = { what: `${what}, ratio (median of rounds)`, value, unit: 'x' }
  return most === undefined ? figure : { ...figure, target: { below: most } }
}
