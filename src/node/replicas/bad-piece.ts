/** An island that sends other bytes than the manifest says is told of, wherever it is found out. */
import type { Logger } from 'pino'
import type { JournalPort } from '../journal/journal.ts'

export function tellBad(
  { journal, logger }: { journal: Pick<JournalPort, 'write'>; logger: Logger },
  { island, dataset, path }: { island: string; dataset: string; path: string },
): void {
  logger.warn({ island, dataset }, 'an island sent bytes that are not those of the file')
  journal.write({
    actor: `owner@${island}`,
    action: 'transfer:bad-piece',
    subject: `${dataset} ${path}`,
    outcome: 'refused',
    code: 'BAD_DATA',
  })
}
