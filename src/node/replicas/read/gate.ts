/** Bounds what is under way: whoever comes waits until there is room. */

export interface Gate {
  /** Something larger than all of it comes in alone. @returns to be called at the end. @throws the signal's reason */
  enter(size: number, signal: AbortSignal): Promise<() => void>
}

export function gate(most: number): Gate {
  const waiting: { size: number; open: () => void }[] = []
  let inside = 0
  const fits = (size: number) => inside === 0 || inside + size <= most

  function turn(): void {
    while (waiting.length > 0 && fits(waiting[0]!.size)) {
      const { size, open } = waiting.shift()!
      inside += size
      open()
    }
  }

  return {
    async enter(size, signal) {
      signal.throwIfAborted()
      if (waiting.length === 0 && fits(size)) inside += size
      else {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        const one = { size, open: resolve }
        waiting.push(one)
        const leave = () => {
          const at = waiting.indexOf(one)
          if (at < 0) return
          waiting.splice(at, 1)
          reject(signal.reason)
          turn()
        }
        signal.addEventListener('abort', leave, { once: true })
        await promise.finally(() => signal.removeEventListener('abort', leave))
      }
      let left = false
      return () => {
        if (left) return
        left = true
        inside -= size
        turn()
      }
    },
  }
}
