import { toArchipelError } from './errors.ts'
import type { JournalEntry } from './views.ts'

export interface JournalWords<T> {
  /** What the work turned out to be about. Default: the subject of the entry. */
  subject?(done: T): string
  /** What an error is called. Default: its code. */
  code?(cause: unknown): string
}

/** The work, and a line in the journal on how it ended: what policy forbids is `refused`. @throws what the work throws */
export async function withJournal<T>(
  journal: { write(entry: Omit<JournalEntry, 'time'>): void },
  entry: Pick<JournalEntry, 'actor' | 'action' | 'subject'>,
  work: () => Promise<T>,
  { subject, code: codeOf = (cause) => toArchipelError(cause).code }: JournalWords<T> = {},
): Promise<T> {
  try {
    const done = await work()
    journal.write({ ...entry, subject: subject?.(done) ?? entry.subject, outcome: 'ok' })
    return done
  } catch (cause) {
    const code = codeOf(cause)
    journal.write({ ...entry, outcome: code === 'FORBIDDEN' ? 'refused' : 'failed', code })
    throw cause
  }
}
