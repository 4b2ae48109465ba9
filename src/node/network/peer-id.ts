import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'

const known = new Map<string, string>()
const MAX_KNOWN = 10_000

/** The PeerId, as text, of a raw Ed25519 public key. */
export function peerIdOf(publicKey: Uint8Array): string {
  const name = Buffer.from(publicKey).toString('latin1')
  const cached = known.get(name)
  if (cached !== undefined) return cached
  const id = peerIdFromPublicKey(publicKeyFromRaw(publicKey)).toString()
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(name, id)
  return id
}
