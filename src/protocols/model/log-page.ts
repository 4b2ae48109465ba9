import type { LogPage } from './views.ts'

/** A page of a log: text up to the last whole character, unless nothing more will come. */
export function logPage(bytes: Uint8Array, at: { offset: number; total: number; ended: boolean }): LogPage {
  const { offset, total, ended } = at
  const last = ended && offset + bytes.length >= total
  const whole = last ? bytes.length : wholeCharacters(bytes)
  const text = new TextDecoder().decode(bytes.subarray(0, whole))
  const next = offset + whole
  // Asked for what comes after the end: the log is not longer for that.
  return { text, offset, next, total: whole === 0 ? total : Math.max(total, next), ended: ended && next >= total }
}

/** Bytes up to the end of the last character that is complete. Bytes that are no UTF-8 at all count as they are. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!
    if (byte < 0x80) return bytes.length
    if (byte >= 0xc0) {
      const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return needs > back ? bytes.length - back : bytes.length
    }
  }
  return bytes.length
}
