interface Event {
  at: number
  order: number
  fn: () => void
  cancelled: boolean
}

/** Virtual time: events in their order, and between two of them everything that promises have to do. */
export class Scheduler {
  readonly #heap: Event[] = []
  #order = 0
  /** Milliseconds since 1970, of the simulated world. */
  now = Date.UTC(2026, 0, 1)

  after(ms: number, fn: () => void): () => void {
    const event: Event = { at: this.now + Math.max(0, ms), order: this.#order++, fn, cancelled: false }
    this.#push(event)
    return () => {
      event.cancelled = true
    }
  }

  delay(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /** Runs everything that is due up to that time. */
  async run(until: number): Promise<void> {
    await settle()
    for (let event = this.#heap[0]; event !== undefined && event.at <= until; event = this.#heap[0]) {
      this.#pop()
      if (event.cancelled) continue
      this.now = event.at
      event.fn()
      await settle()
    }
    this.now = Math.max(this.now, until)
  }

  #push(event: Event): void {
    const heap = this.#heap
    heap.push(event)
    let i = heap.length - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (before(heap[parent]!, event)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (before(last, heap[child]!)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/** A turn of the event loop begins when no promise has anything left to do. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
