import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** The heading of a room or of what is shown in it. It names the window, and takes the focus when one comes from another place of the page. */
export function Heading({ title, children }: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · archipel`
    if (document.activeElement === null || document.activeElement === document.body || arrived) {
      if (arrived) heading.current?.focus({ preventScroll: true })
      arrived = false
    }
  }, [title])
  return (
    <div class="heading">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </div>
  )
}

let arrived = false

/** The next heading that appears takes the focus: somebody went to another place. */
export function announceArrival(): void {
  arrived = true
}
