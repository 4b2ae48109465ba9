import type { SignedHead } from '../../protocols/record/head.ts'
import { comparePositions } from '../../protocols/record/position.ts'
import type { Context } from './context.ts'

/** Origins remembered per peer; more of them come with the next round anyway. */
const MAX_HINTS = 1024

/** Which peer said to be ahead with which log: asked first when a round with it begins. */
export class Hints {
  readonly #context: Context
  readonly #peers = new Map<string, Map<string, SignedHead>>()

  constructor(context: Context) {
    this.#context = context
  }

  /** A checked head that is newer than what is pinned. */
  add(peer: string, head: SignedHead): void {
    const hints = this.#peers.get(peer) ?? new Map<string, SignedHead>()
    this.#peers.set(peer, hints)
    const known = hints.get(head.origin)
    if (known !== undefined && comparePositions(head, known) <= 0) return
    if (known === undefined && hints.size >= MAX_HINTS) return
    hints.set(head.origin, head)
    this.#context.emit('behind', { origin: head.origin, from: peer })
  }

  take(peer: string): SignedHead[] {
    const hints = [...(this.#peers.get(peer)?.values() ?? [])]
    this.#peers.delete(peer)
    return hints
  }
}
