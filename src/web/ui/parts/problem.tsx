import type { ArchipelError } from '../../../protocols/model/errors.ts'
import type { PlacementEntry } from '../../../protocols/model/task.ts'
import { Placement } from './placement.tsx'

/** One of the things that a name may mean. */
function Candidate({ of }: { of: unknown }) {
  if (typeof of !== 'object' || of === null) return <code>{String(of)}</code>
  const { ref, id, island } = of as Record<string, unknown>
  return (
    <>
      <code>{String(ref ?? id)}</code>
      {typeof island === 'string' && ` published by ${island}`}
    </>
  )
}

/** An error as the user needs it: what happened, what to do, its code for whoever looks it up. */
export function Problem({
  error,
  onRetry,
}: {
  error: Pick<ArchipelError, 'code' | 'message' | 'hint' | 'details'>
  onRetry?: () => void
}) {
  const explain = error.details?.explain
  const candidates = error.details?.candidates
  return (
    <div class="problem" role="alert">
      <p class="problem-what">
        <strong>{error.message}</strong> <code>{error.code}</code>
      </p>
      {error.hint !== '' && <p>{error.hint}</p>}
      {Array.isArray(candidates) && (
        <ul>
          {candidates.map((candidate) => (
            <li key={JSON.stringify(candidate)}>
              <Candidate of={candidate} />
            </li>
          ))}
        </ul>
      )}
      {Array.isArray(explain) && explain.length > 0 && <Placement entries={explain as PlacementEntry[]} />}
      {onRetry !== undefined && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  )
}
