/** Reading the traceback that a Python program leaves. */

export const TRACEBACK = 'Traceback (most recent call last):'
/** `ValueError: no good`, `json.decoder.JSONDecodeError: …`, or a name alone. */
const EXCEPTION = /^(?:[\w.]+\.)?([A-Za-z_]\w*)(?:: ?(.*))?$/

/** Name and words of the exception of Python that was raised last; undefined for what is no traceback. */
export function exceptionOf(lines: string[]): { ename: string; evalue: string } | undefined {
  const begin = lines.lastIndexOf(TRACEBACK) + 1
  // Of a statement that cannot be read there are only the lines of the place; a long traceback is shortened at its head.
  if (begin === 0 && !/^(\s*File "|\.\.\.$)/.test(lines[0]!)) return undefined
  const at = lines.findIndex((line, i) => i >= begin && EXCEPTION.test(line))
  if (at < 0) return undefined
  const [, ename = '', first = ''] = EXCEPTION.exec(lines[at]!)!
  return { ename, evalue: [first, ...lines.slice(at + 1)].join('\n').trimEnd() }
}
