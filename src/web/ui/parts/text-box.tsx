import { Scroll } from './scroll.tsx'

/** Text as it is, in lines: code, or what a program wrote. */
export function TextBox({ label, text }: { label: string; text: string }) {
  return (
    <Scroll label={label} more="log">
      <pre>{text}</pre>
    </Scroll>
  )
}
