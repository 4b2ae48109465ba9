import { useSignal } from '@preact/signals'
import { type ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { Heading } from '../parts/heading.tsx'
import { Problem } from '../parts/problem.tsx'
import { signInByToken } from '../state/session.ts'

/** Shown to whoever is not signed in: how one gets in. */
export function SignIn({ error, note }: { error: ArchipelError | undefined; note: string | undefined }) {
  const failed = useSignal<ArchipelError | undefined>(undefined)
  const busy = useSignal(false)

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const token = String(new FormData(form).get('token') ?? '').trim()
    if (token === '') return
    busy.value = true
    failed.value = undefined
    await signInByToken(token).catch((cause) => {
      failed.value = toArchipelError(cause)
    })
    busy.value = false
  }

  const shown = failed.value ?? error
  return (
    <div class="sign-in">
      <Heading title="Sign in" />
      <p>
        This page belongs to one island, and only those whom its owner lets in see it. On the machine of the island, run
      </p>
      <pre>
        <code>archipel open</code>
      </pre>
      <p>It opens this page signed in, or prints a link that does so once.</p>
      {shown !== undefined && <Problem error={shown} />}
      {shown === undefined && note !== undefined && (
        <p class="notice" role="status">
          {note}
        </p>
      )}
      <form onSubmit={(event) => void submit(event)}>
        <h2>With a token</h2>
        <p id="token-help">A token that somebody made for you. It is forgotten when this page is closed.</p>
        <label for="token">Token</label>
        <div class="row">
          <input id="token" name="token" type="password" autoComplete="off" required aria-describedby="token-help" />
          <button type="submit" class="primary" disabled={busy.value}>
            Sign in
          </button>
        </div>
      </form>
    </div>
  )
}
