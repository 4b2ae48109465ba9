import { ArchipelError } from '../model/errors.ts'
import type { RangeItem } from './messages.ts'

/** @returns gives bytes that come one after the other to the ranges they belong to. @throws PROTOCOL for more than all ranges have */
export function cutter(ranges: readonly { length: number }[]): (bytes: Uint8Array) => Generator<RangeItem> {
  let range = 0
  let got = 0
  return function* (bytes) {
    for (let at = 0; at < bytes.length; ) {
      while (range < ranges.length && got === ranges[range]!.length) {
        range++
        got = 0
      }
      const left = range < ranges.length ? ranges[range]!.length - got : 0
      if (left === 0) throw new ArchipelError('PROTOCOL', 'more bytes than were asked for')
      const part = bytes.subarray(at, at + left)
      at += part.length
      got += part.length
      yield { range, bytes: part }
    }
  }
}
