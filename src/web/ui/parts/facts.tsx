import type { ComponentChildren } from 'preact'

/** Pairs of a word and what it is here; those without a value are left out. */
export function Facts({ of }: { of: [word: string, value: ComponentChildren][] }) {
  const shown = of.filter(([, value]) => value !== undefined && value !== null && value !== '' && value !== false)
  return (
    <dl class="facts">
      {shown.map(([word, value]) => (
        <div key={word}>
          <dt>{word}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
