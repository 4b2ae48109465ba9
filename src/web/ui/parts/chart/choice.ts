/** What is drawn at first, and how a column is drawn as its field does. */
import type { ResultMeta } from '../../../../protocols/model/task.ts'
import { type ChartChoice, isDrawable } from './series.ts'

export type Columns = NonNullable<ResultMeta['table']>['columns']
type Column = Columns[number]

const isRa = ({ name, ucd }: Column) => ucd?.startsWith('pos.eq.ra') || /^ra(_?deg|j2000)?$/i.test(name)
const isDec = ({ name, ucd }: Column) => ucd?.startsWith('pos.eq.dec') || /^dec?(_?deg|j2000)?$/i.test(name)
const isMagnitude = ({ name, unit, ucd }: Column) =>
  unit === 'mag' || ucd?.startsWith('phot.mag') || /(^|[^a-z])[a-z]{0,2}_?mag$/i.test(name)

/** Another column on an axis. Right ascension grows to the left, magnitudes grow downwards, whoever draws them. */
export function onX(columns: Columns, x: number): Pick<ChartChoice, 'x' | 'reverseX'> {
  return { x, reverseX: columns[x] !== undefined && isRa(columns[x]) === true }
}

export function onY(columns: Columns, y: number): Pick<ChartChoice, 'y' | 'reverseY'> {
  return { y, reverseY: columns[y] !== undefined && isMagnitude(columns[y]) === true }
}

/** The sky where there are positions; else the last two numbers of a row, which is where questions put what they are about. */
export function firstChoice(columns: Columns): ChartChoice {
  const usable = columns.flatMap((column, i) => (isDrawable(column.type) ? [i] : []))
  const ra = usable.find((i) => isRa(columns[i]!))
  const dec = usable.find((i) => isDec(columns[i]!))
  const [x, y] =
    ra !== undefined && dec !== undefined ? [ra, dec] : [usable.at(-2) ?? usable[0] ?? 0, usable.at(-1) ?? 0]
  return {
    kind: usable.length < 2 ? 'histogram' : 'scatter',
    ...onX(columns, x),
    ...onY(columns, y),
    logX: false,
    logY: false,
  }
}
