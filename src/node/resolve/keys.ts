import { createHash } from 'node:crypto'

/** Datasets an island provides one by one in the DHT; beyond, it provides prefixes, since each `provide` costs 0.1-2 s. */
export const MAX_SINGLE_KEYS = 1000
const PREFIX_BITS = 12

/** The DHT key of a dataset: SHA-256 over the context, the archipelago's id and the normalised id. 32 bytes. */
export function datasetKey(archipelagoId: string, id: string): Uint8Array {
  return createHash('sha256').update(`archipel dataset 1\0${archipelagoId}\0${id}`).digest()
}

/** The DHT key of the 12-bit prefix that a dataset's key falls under. */
export function prefixKey(archipelagoId: string, id: string): Uint8Array {
  const key = datasetKey(archipelagoId, id)
  const prefix = ((key[0]! << 8) | key[1]!) >> (16 - PREFIX_BITS)
  return createHash('sha256').update(`archipel prefix 1\0${archipelagoId}\0${prefix}`).digest()
}

/** The keys that an island with these datasets provides. */
export function keysToProvide(archipelagoId: string, ids: string[]): Uint8Array[] {
  if (ids.length <= MAX_SINGLE_KEYS) return ids.map((id) => datasetKey(archipelagoId, id))
  const prefixes = new Map<string, Uint8Array>()
  for (const id of ids) {
    const key = prefixKey(archipelagoId, id)
    prefixes.set(Buffer.from(key).toString('hex'), key)
  }
  return [...prefixes.values()]
}
