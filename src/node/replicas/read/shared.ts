/** Work that several wait for is done once, and ends when the last of them has left. */

export interface Taken<T> {
  result: Promise<T>
  /** This one does not wait any more. */
  leave(): void
}

/** Its result, and when nobody has to know of it any more, such as when it is on the disk. */
export interface Outcome<T> {
  value: T
  settled: Promise<unknown>
}

export interface Shared<T> {
  take(key: string, work: (signal: AbortSignal) => Promise<Outcome<T>>): Taken<T>
}

interface Flight<T> {
  result: Promise<T>
  stop: AbortController
  waiting: number
  done: boolean
}

export function shared<T>(): Shared<T> {
  const flights = new Map<string, Flight<T>>()

  function begin(key: string, work: (signal: AbortSignal) => Promise<Outcome<T>>): Flight<T> {
    const stop = new AbortController()
    const outcome = work(stop.signal)
    const flight: Flight<T> = { result: outcome.then(({ value }) => value), stop, waiting: 0, done: false }
    const forget = () => {
      if (flights.get(key) === flight) flights.delete(key)
    }
    flight.result.then(
      () => {
        flight.done = true
      },
      () => {},
    )
    outcome.then(({ settled }) => settled.then(forget, forget), forget)
    flights.set(key, flight)
    return flight
  }

  return {
    take(key, work) {
      const flight = flights.get(key) ?? begin(key, work)
      flight.waiting++
      let left = false
      return {
        result: flight.result,
        leave() {
          if (left) return
          left = true
          if (--flight.waiting > 0 || flight.done) return
          // Who comes after begins anew, and does not get the end of this one.
          if (flights.get(key) === flight) flights.delete(key)
          flight.stop.abort()
        },
      }
    },
  }
}
