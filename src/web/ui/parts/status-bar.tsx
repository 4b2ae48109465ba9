import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { connection, retryNow } from '../state/connection.ts'
import { islands, status } from '../state/islands.ts'
import { count } from '../text/words.ts'

/** At the foot of the page: whether what is shown is up to date. */
export function StatusBar() {
  const now = useSignal(Date.now())
  const state = connection.value
  useEffect(() => {
    if (state.state !== 'lost') return
    const timer = setInterval(() => {
      now.value = Date.now()
    }, 500)
    return () => clearInterval(timer)
  }, [state.state])

  if (state.state === 'lost') {
    const seconds = Math.max(0, Math.ceil((state.retryAt - now.value) / 1000))
    return (
      <footer class="status-bar lost">
        <p role="status">
          <span aria-hidden="true">○ </span>
          Connection to the island lost. What you see may be out of date; your text is safe.
        </p>
        <p aria-hidden="true">{seconds === 0 ? 'trying …' : `next try in ${seconds} s`}</p>
        <button type="button" onClick={retryNow}>
          Try now
        </button>
      </footer>
    )
  }
  const { value: own } = status
  const others = islands.value.filter((island) => !island.self)
  const live = others.filter((island) => island.liveness === 'live').length
  const warnings = own?.findings.filter((finding) => finding.severity !== 'ok') ?? []
  return (
    <footer class={`status-bar ${state.state}`}>
      <p role="status">
        <span aria-hidden="true">{state.state === 'live' ? '● ' : '◌ '}</span>
        {state.state === 'live' ? `Connected${own === undefined ? '' : ` to ${own.name}`}` : 'Connecting …'}
      </p>
      {own !== undefined && (
        <p>
          {own.archipelago.name}: {live} of {count(others.length, 'other island')} live,{' '}
          {count(own.catalog.datasets, 'dataset')}
        </p>
      )}
      {warnings.length > 0 && (
        <details class="findings">
          <summary>{count(warnings.length, 'finding')}</summary>
          <ul>
            {warnings.map(({ code, message, remedy }) => (
              <li key={code + message}>
                <strong>{message}</strong> {remedy}
              </li>
            ))}
          </ul>
        </details>
      )}
      <p class="licences">
        <a href="/licences.txt" target="_blank" rel="noreferrer">
          Licences
        </a>
      </p>
    </footer>
  )
}
