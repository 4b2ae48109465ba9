/**
 * Messages between the daemon and its SQL children: a 4-byte big-endian length, then that many bytes of UTF-8 JSON.
 * Lengths come first so that a reader can refuse a message before it holds it.
 */
export function encodeFrame(message: unknown): Buffer {
  return encodeText(JSON.stringify(message))
}

/** The same for a message that is JSON text already. */
export function encodeText(json: string): Buffer {
  const body = Buffer.from(json, 'utf8')
  const frame = Buffer.allocUnsafe(4 + body.length)
  frame.writeUInt32BE(body.length, 0)
  body.copy(frame, 4)
  return frame
}

export interface FrameReader {
  /** Takes the next bytes of the stream. Returns false, and takes nothing more, once a frame was too long or not JSON. */
  push(chunk: Buffer): boolean
}

export function frameReader(maxBytes: number, onFrame: (message: unknown) => void): FrameReader {
  let parts: Buffer[] = []
  let held = 0
  let broken = false

  function take(bytes: number): Buffer {
    const all = parts.length === 1 ? parts[0]! : Buffer.concat(parts, held)
    parts = all.length > bytes ? [all.subarray(bytes)] : []
    held = all.length - bytes
    return all.subarray(0, bytes)
  }

  let wanted = -1
  return {
    push(chunk) {
      if (broken) return false
      parts.push(chunk)
      held += chunk.length
      for (;;) {
        if (wanted < 0) {
          if (held < 4) return true
          wanted = take(4).readUInt32BE(0)
          if (wanted > maxBytes) {
            broken = true
            return false
          }
        }
        if (held < wanted) return true
        const body = take(wanted)
        wanted = -1
        let message: unknown
        try {
          message = JSON.parse(body.toString('utf8'))
        } catch {
          broken = true
          return false
        }
        onFrame(message)
      }
    },
  }
}
