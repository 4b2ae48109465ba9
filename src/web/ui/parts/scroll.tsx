import type { ComponentChildren } from 'preact'

/** A part of the page that scrolls by itself when it is too wide or too long, by keys, too. */
export function Scroll({
  label,
  more = '',
  busy,
  children,
}: {
  label: string
  /** Further classes. */
  more?: string
  busy?: boolean
  children: ComponentChildren
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a region would be one more landmark, a fieldset is for forms
    <div
      class={`scroll ${more}`}
      role="group"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keys
      tabIndex={0}
      aria-label={label}
      aria-busy={busy}
    >
      {children}
    </div>
  )
}
