import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { toArchipelError } from '../../../protocols/model/errors.ts'

/** A quiet button of a row, and why what it does did not work: that stays when the button goes. */
export function Action({
  label,
  shown,
  disabled = false,
  work,
  onDone,
  children,
}: {
  /** For who does not see the row. */
  label: string
  shown: boolean
  disabled?: boolean
  work: () => Promise<unknown>
  /** Also when it did not work. */
  onDone: () => void
  children: ComponentChildren
}) {
  const failed = useSignal<string | undefined>(undefined)
  async function act(): Promise<void> {
    failed.value = await work().then(
      () => undefined,
      (cause) => toArchipelError(cause).message,
    )
    onDone()
  }
  return (
    <>
      {shown && (
        <button type="button" class="quiet" aria-label={label} disabled={disabled} onClick={() => void act()}>
          {children}
        </button>
      )}
      {failed.value !== undefined && (
        <div class="sub" role="alert">
          {failed.value}
        </div>
      )}
    </>
  )
}
