/** What this browser keeps between visits. A browser that keeps nothing loses nothing but that. */
import { effect, type Signal, signal } from '@preact/signals'

const PREFIX = 'archipel.'

function load<T>(name: string): T | undefined {
  try {
    const text = localStorage.getItem(PREFIX + name)
    return text === null ? undefined : (JSON.parse(text) as T)
  } catch {
    return undefined
  }
}

/** A signal whose value is kept under a name. */
export function kept<T>(name: string, initial: T): Signal<T> {
  const value = signal<T>(load<T>(name) ?? initial)
  effect(() => {
    try {
      localStorage.setItem(PREFIX + name, JSON.stringify(value.value))
    } catch {
      // Full, or not allowed: the page works without it.
    }
  })
  return value
}
