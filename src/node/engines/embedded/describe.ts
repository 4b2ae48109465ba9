import type { Column } from '../../../protocols/model/dataset.ts'
import type { Origins } from '../child/origins.ts'
import type { BoundDataset } from '../port.ts'

/**
 * Gives columns of a result the unit, UCD and description of the published column that they are, and nothing to any column
 * of which that is not certain.
 */
export function describer(origins: Origins, datasets: BoundDataset[]): (columns: Column[]) => Column[] {
  const byName = new Map(
    datasets.flatMap((dataset) => dataset.names.map((name) => [name.toLowerCase(), dataset] as const)),
  )
  const sources = origins.sources.map(({ alias, table }) => ({ alias, columns: byName.get(table)?.columns ?? [] }))

  /** The one published column of this name; undefined where there is none, or several that differ. */
  function published(column: string, alias: string | null): Column | undefined {
    if (alias === null && !origins.closed) return undefined
    const found = sources
      .filter((source) => alias === null || source.alias === alias)
      .flatMap(({ columns }) => columns.filter(({ name }) => name.toLowerCase() === column))
    const [first, ...others] = found
    return others.every((other) => other.unit === first?.unit && other.ucd === first?.ucd) ? first : undefined
  }

  function origin(name: string): Column | undefined {
    if (origins.computed.includes(name)) return undefined
    const plain = origins.plain.filter((each) => each.name === name).map((each) => published(each.column, each.alias))
    const starred = origins.stars.map((alias) => published(name, alias)).filter((column) => column !== undefined)
    const [first, ...others] = [...plain, ...starred]
    return others.every((other) => other?.unit === first?.unit && other?.ucd === first?.ucd) ? first : undefined
  }

  return (columns) =>
    columns.map((column) => {
      const { unit, ucd, description } = origin(column.name.toLowerCase()) ?? {}
      return { ...column, ...(unit && { unit }), ...(ucd && { ucd }), ...(description && { description }) }
    })
}
