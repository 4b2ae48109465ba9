/** Numbers as they stand in reasons. */

/** `0.0042` -> `4.2 ms`, `75` -> `1 min 15 s` */
export function secondsText(seconds: number): string {
  if (seconds < 1) {
    const ms = seconds * 1000
    return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`
  }
  if (seconds < 60) return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 === 0 ? '' : ` ${whole % 60} s`}`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** `1234567` -> `1.2 MB` */
export function bytesText(bytes: number): string {
  let n = bytes
  let unit = 0
  while (n >= 999.5 && unit < UNITS.length - 1) {
    n /= 1000
    unit++
  }
  return `${unit === 0 || n >= 99.95 ? Math.round(n) : Number(n.toFixed(1))} ${UNITS[unit]}`
}

/** `1 piece`, `2 pieces` */
export function plural(n: number, one: string): string {
  return `${n} ${one}${n === 1 ? '' : 's'}`
}
