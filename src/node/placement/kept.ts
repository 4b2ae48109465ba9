import { z } from 'zod'

/** Where measurements outlive a restart: a bucket of the store. */
export interface MeasureStore {
  get(key: string): Promise<string | undefined>
  put(key: string, value: string): Promise<void>
}

export interface KeptComponents {
  store: MeasureStore
  /** Something could not be read or written: measurements begin anew, or are lost with the process. */
  onError?: (error: unknown) => void
}

export interface Kept {
  /** Reads what was kept; what is not of the schema counts as nothing. */
  start(): Promise<void>
  /** Writes what is new. */
  stop(): Promise<void>
  /** Something is new: it is written after a while, many changes at once. */
  changed(): void
}

/** Milliseconds until a change is written. Lost ones are measured again. */
const WRITE_AFTER_MS = 30_000

/** An average as stored: never negative, never infinite, whatever the file says. */
export const storedAverage = z.object({
  value: z.number().nonnegative(),
  at: z.number().nonnegative(),
  samples: z.number().int().positive(),
})

/** One JSON value in the store, read at the start and written now and then. */
export function kept<T>(
  init: { key: string; schema: z.ZodType<T>; snapshot: () => T; restore: (value: T) => void },
  components: KeptComponents,
): Kept {
  const { store, onError } = components
  let timer: NodeJS.Timeout | undefined
  let dirty = false
  let running = false
  let writing: Promise<void> = Promise.resolve()

  async function write(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    if (!dirty) return
    dirty = false
    try {
      await store.put(init.key, JSON.stringify(init.snapshot()))
    } catch (error) {
      onError?.(error)
    }
  }

  return {
    async start() {
      running = true
      try {
        const text = await store.get(init.key)
        if (text === undefined) return
        const parsed = init.schema.safeParse(JSON.parse(text))
        if (parsed.success) init.restore(parsed.data)
        else onError?.(parsed.error)
      } catch (error) {
        onError?.(error)
      }
    },
    async stop() {
      running = false
      clearTimeout(timer)
      await writing
      await write()
    },
    changed() {
      dirty = true
      if (!running || timer !== undefined) return
      timer = setTimeout(() => {
        writing = write()
      }, WRITE_AFTER_MS)
      timer.unref()
    },
  }
}
