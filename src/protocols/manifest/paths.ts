/** Bytes of UTF-8 that a path inside a dataset may have. */
export const MAX_PATH_BYTES = 1024

/**
 * Why a text is not a path inside a dataset, or undefined when it is one: relative, `/` between names, no empty name,
 * no `.` or `..`, NFC, well-formed Unicode, no control character, no backslash (a separator on some systems), at most
 * 1,024 bytes. A path that passes can be joined to a folder without leaving it.
 */
export function pathProblem(path: string): string | undefined {
  if (path.length === 0) return 'it is empty'
  if (path.length > MAX_PATH_BYTES || Buffer.byteLength(path) > MAX_PATH_BYTES)
    return `it is longer than ${MAX_PATH_BYTES} bytes`
  if (!path.isWellFormed()) return 'it is not well-formed Unicode'
  if (/\p{Cc}/u.test(path)) return 'it has a control character'
  if (path.includes('\\')) return 'it has a backslash'
  if (path.startsWith('/')) return 'it is absolute'
  for (const name of path.split('/')) {
    if (name === '') return 'it has an empty name'
    if (name === '.' || name === '..') return `it has the name "${name}"`
  }
  if (path.normalize('NFC') !== path) return 'it is not in Unicode form NFC'
  return undefined
}

/** Order of paths: by Unicode code points, which is the order of their UTF-8 bytes. */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // Surrogates stand for code points above all other code units.
    const xs = x >= 0xd800 && x <= 0xdfff
    const ys = y >= 0xd800 && y <= 0xdfff
    if (xs !== ys) return xs ? 1 : -1
    return x - y
  }
  return a.length - b.length
}
