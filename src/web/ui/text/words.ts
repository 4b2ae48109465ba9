/** Numbers, sizes, times and ids as people read them. */
const plain = new Intl.NumberFormat('en')

export const number = (n: number): string => plain.format(n)
export const count = (n: number, word: string): string => `${plain.format(n)} ${word}${n === 1 ? '' : 's'}`

/** Bytes in powers of 1000, as the command line writes them. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const units = ['kB', 'MB', 'GB', 'TB', 'PB']
  let value = bytes
  let unit = -1
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

export function duration(ms: number): string {
  if (ms < 1) return ms <= 0 ? '0 ms' : '< 1 ms'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
  if (ms < 48 * 3_600_000) return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`
  return `${Math.round(ms / 86_400_000)} days`
}

export function ago(iso: string): string {
  const ms = Date.now() - Date.parse(iso)
  return ms < 2000 ? 'now' : `${duration(ms).replace(/ \d+ (s|min)$/, '')} ago`
}

/** Local time, with the date where it is not today's. */
export function clock(iso: string): string {
  const date = new Date(iso)
  const time = date.toLocaleTimeString('en-GB')
  return date.toDateString() === new Date().toDateString() ? time : `${date.toISOString().slice(0, 10)} ${time}`
}

/** The part of a task's id that people tell apart. */
export const shortTask = (id: string): string => id.split('-').at(-1) ?? id

/** The id of a dataset, short where it is of this software's own making: its name. */
export const shortDataset = (id: string): string => /^archipel:[^/]+\/(.+)$/.exec(id)?.[1] ?? id

export function degrees(value: number): string {
  return String(Number(value.toFixed(3)))
}
