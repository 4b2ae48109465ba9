import { ArchipelError } from '../model/errors.ts'

/** Bounds what one peer may have in progress and start per minute; forgets peers that have been quiet. */
export interface Quotas {
  /** @returns the function that ends the request. @throws TOO_MANY */
  enter(peerId: string): () => void
}

/** Peers remembered at most; beyond it the oldest quiet one is forgotten. */
const MAX_PEERS = 10_000

export function quotas(limit: { concurrent: number; perMinute: number }, now: () => number = Date.now): Quotas {
  const peers = new Map<string, { active: number; tokens: number; at: number }>()
  return {
    enter(peerId) {
      const time = now()
      let peer = peers.get(peerId)
      if (peer === undefined) {
        if (peers.size >= MAX_PEERS) {
          for (const [id, p] of peers) {
            if (p.active === 0) {
              peers.delete(id)
              break
            }
          }
        }
        peer = { active: 0, tokens: limit.perMinute, at: time }
        peers.set(peerId, peer)
      }
      peer.tokens = Math.min(limit.perMinute, peer.tokens + (Math.max(0, time - peer.at) * limit.perMinute) / 60_000)
      peer.at = time
      if (peer.active >= limit.concurrent)
        throw new ArchipelError('TOO_MANY', `more than ${limit.concurrent} requests at a time`)
      if (peer.tokens < 1) throw new ArchipelError('TOO_MANY', `more than ${limit.perMinute} requests a minute`)
      peer.tokens -= 1
      peer.active += 1
      const entry = peer
      let done = false
      return () => {
        if (done) return
        done = true
        entry.active -= 1
      }
    },
  }
}
