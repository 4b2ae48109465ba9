import { PROBE_ITEM_BYTES } from '../../protocols/placement/messages.ts'

/** An empty item, then so many bytes. */
export async function* probeItems(bytes: number): AsyncGenerator<{ bytes: Uint8Array }> {
  yield { bytes: new Uint8Array(0) }
  for (let left = bytes; left > 0; left -= PROBE_ITEM_BYTES)
    yield { bytes: new Uint8Array(Math.min(left, PROBE_ITEM_BYTES)) }
}
