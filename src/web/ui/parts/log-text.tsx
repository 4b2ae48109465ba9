import { useLayoutEffect, useRef } from 'preact/hooks'

/** What a task printed. It follows the end while the reader stays there. */
export function LogText({ text, live }: { text: string; live: boolean }) {
  const box = useRef<HTMLPreElement>(null)
  const atEnd = useRef(true)
  useLayoutEffect(() => {
    const { current } = box
    if (current !== null && atEnd.current) current.scrollTop = current.scrollHeight
  }, [text])
  return (
    <section class="panel" aria-label="Log">
      <h2>Log{live && <span class="note"> live</span>}</h2>
      <pre
        class="log"
        ref={box}
        role="log"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reachable by keys
        tabIndex={0}
        aria-label="What the task printed"
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget
          atEnd.current = scrollHeight - scrollTop - clientHeight < 30
        }}
      >
        {text}
      </pre>
    </section>
  )
}
