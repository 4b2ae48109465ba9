import { useEffect, useRef } from 'preact/hooks'
import { announceArrival, Heading } from './parts/heading.tsx'
import { Problem } from './parts/problem.tsx'
import { StatusBar } from './parts/status-bar.tsx'
import { ROOMS, roomAt } from './rooms/rooms.ts'
import { SignIn } from './rooms/sign-in.tsx'
import { status } from './state/islands.ts'
import { place } from './state/router.ts'
import { session, signOut, signOutFailed } from './state/session.ts'
import { type Theme, theme } from './state/theme.ts'

function ThemeChoice() {
  return (
    <label class="theme">
      <span class="visually-hidden">Colours</span>
      <select value={theme.value} onChange={(event) => (theme.value = event.currentTarget.value as Theme)}>
        <option value="auto">Auto</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  )
}

function Header({ current }: { current: string | undefined }) {
  const signedIn = session.value.state === 'in'
  return (
    <header class="top">
      <a class="brand" href="/">
        <Mark />
        <span>archipel</span>
      </a>
      {signedIn && (
        <nav aria-label="Rooms">
          <ul>
            {ROOMS.map(({ path, title }) => (
              <li key={path}>
                <a href={`/${path}`} aria-current={current === path ? 'page' : undefined}>
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      )}
      <div class="top-end">
        {signedIn && status.value !== undefined && <span class="own-name">{status.value.name}</span>}
        <ThemeChoice />
        {signedIn && (
          <button type="button" class="quiet" onClick={() => void signOut()}>
            Sign out
          </button>
        )}
      </div>
    </header>
  )
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path class="mark-lines" d="M9 11 22 8M9 11l6 12M22 8l-7 15" />
      <circle cx="9" cy="11" r="4" />
      <circle cx="22" cy="8" r="3" />
      <circle class="mark-own" cx="15" cy="23" r="4.6" />
    </svg>
  )
}

function Content() {
  const found = roomAt(place.value.path)
  if (session.value.state === 'unknown') return <p class="waiting">Connecting to the island …</p>
  if (session.value.state === 'out') return <SignIn error={session.value.error} note={session.value.note} />
  if (found === undefined)
    return (
      <>
        <Heading title="Nothing is here" />
        <p>
          No room of this page has that address. <a href="/">Go to the islands</a>
        </p>
      </>
    )
  const View = found.room.view
  return <View rest={found.rest} />
}

export function App() {
  const found = roomAt(place.value.path)
  const before = useRef(place.value.path)
  if (before.current !== place.value.path) announceArrival()
  useEffect(() => {
    before.current = place.value.path
  })
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to the content
      </button>
      <Header current={found?.room.path} />
      <main id="content" tabIndex={-1} class={`room-${found?.room.path ?? 'none'}`}>
        {signOutFailed.value !== undefined && session.value.state === 'in' && (
          <Problem error={signOutFailed.value} onRetry={() => void signOut()} />
        )}
        <Content />
      </main>
      {session.value.state === 'in' && <StatusBar />}
    </>
  )
}

/** No link: the part of the address after `#` is for signing in. */
function skip(): void {
  document.getElementById('content')?.focus()
}
