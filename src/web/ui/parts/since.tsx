import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { duration } from '../text/words.ts'

/** How long ago, counting. */
export function Since({ iso }: { iso: string }) {
  const now = useSignal(Date.now())
  useEffect(() => {
    const timer = setInterval(() => {
      now.value = Date.now()
    }, 500)
    return () => clearInterval(timer)
  }, [])
  return <span class="since">{duration(Math.max(0, now.value - Date.parse(iso)))}</span>
}
