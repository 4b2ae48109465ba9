import { createHash, hash } from 'node:crypto'
import { ArchipelError } from '../model/errors.ts'

/**
 * LtHash16 (Bellare and Micciancio 1997; Lewi, Kim, Maykov, Weis 2019): the hash of a set is the sum, lane by lane
 * modulo 2^16, of a 2 KiB expansion of each element. Adding and removing cost the same whatever the size of the set.
 * Finding a second set with one sum is a short-vector problem, over 200 bits hard at these sizes; XOR or one wide sum
 * would fall to linear algebra or the generalised birthday attack, since whoever publishes chooses the elements.
 */
export const LANES = 1024
export const STATE_BYTES = LANES * 2

const PREFIX = Buffer.from('archipel live 1\0')
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

export class LiveSet {
  readonly #lanes: Uint16Array

  constructor(lanes: Uint16Array = new Uint16Array(LANES)) {
    this.#lanes = lanes
  }

  /** @throws DATA_DIR_BROKEN when it is not a state (2048 bytes) */
  static from(state: Uint8Array): LiveSet {
    if (state.length !== STATE_BYTES) throw new ArchipelError('DATA_DIR_BROKEN', 'a set hash of the wrong size')
    return new LiveSet(lanesOf(state).slice())
  }

  /** The signed bytes of a record that became live. The caller sees to it that nothing is added twice. */
  add(recordBytes: Uint8Array): void {
    const lanes = this.#lanes
    const expanded = expand(recordBytes)
    for (let i = 0; i < LANES; i++) lanes[i] = lanes[i]! + expanded[i]!
  }

  /** Of a record that was replaced or withdrawn. */
  remove(recordBytes: Uint8Array): void {
    const lanes = this.#lanes
    const expanded = expand(recordBytes)
    for (let i = 0; i < LANES; i++) lanes[i] = lanes[i]! - expanded[i]!
  }

  clone(): LiveSet {
    return new LiveSet(this.#lanes.slice())
  }

  /** 2048 bytes, lanes little-endian. */
  state(): Uint8Array {
    const bytes = Buffer.from(this.#lanes.slice().buffer)
    return new Uint8Array(LITTLE_ENDIAN ? bytes : bytes.swap16())
  }

  /** 32 bytes: SHA-256 of the state. */
  digest(): Uint8Array {
    return new Uint8Array(createHash('sha256').update(this.state()).digest())
  }
}

function expand(bytes: Uint8Array): Uint16Array {
  const input = Buffer.concat([PREFIX, bytes])
  return lanesOf(hash('shake128', input, { outputLength: STATE_BYTES, outputEncoding: 'buffer' }))
}

/** A view of `bytes` where the machine has them so, else of a copy. */
function lanesOf(bytes: Uint8Array): Uint16Array {
  // The view needs an even offset.
  if (LITTLE_ENDIAN && bytes.byteOffset % 2 === 0) return new Uint16Array(bytes.buffer, bytes.byteOffset, LANES)
  const copy = new Uint8Array(bytes)
  if (!LITTLE_ENDIAN) Buffer.from(copy.buffer).swap16()
  return new Uint16Array(copy.buffer)
}
