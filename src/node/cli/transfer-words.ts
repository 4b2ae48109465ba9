/** Transfers in words. */
import { ArchipelError, errorFromInfo } from '../../protocols/model/errors.ts'
import { TRANSFER_ENDS } from '../../protocols/model/transfer.ts'
import type { TransferView } from '../../protocols/model/views.ts'
import type { IslandClient } from '../../web/client/index.ts'
import { iterate } from '../../web/client/pages.ts'
import { bytes, plural, seconds } from './format.ts'

const PAGE = 500
const MIN_SHORT = 4

/** `transferring, 3.4 MB/s from 2 islands, 12 s left` */
export function progressWords({ state, bytesPerSecond, secondsLeft, sources, problem }: TransferView): string {
  if (problem !== undefined) return `${state}: ${problem.message}`
  if (bytesPerSecond === undefined || state !== 'transferring') return state
  const from = sources.filter((s) => s.bytesPerSecond !== undefined).length
  const left = secondsLeft === undefined ? '' : `, ${seconds(Math.round(secondsLeft))} left`
  return `${bytes(bytesPerSecond)}/s from ${plural(from, 'island')}${left}`
}

/** That of a whole id, or of its beginning or end. @throws TRANSFER_NOT_FOUND, AMBIGUOUS */
export async function transferIdOf(client: IslandClient, text: string, signal: AbortSignal): Promise<string> {
  const found: string[] = []
  for await (const { id } of iterate(client.transfers.list, { limit: PAGE }, { signal })) {
    if (id === text) return id
    const tail = id.replace(/^tr-/, '')
    if (text.length >= MIN_SHORT && (tail.startsWith(text) || id.startsWith(text) || tail.endsWith(text)))
      found.push(id)
  }
  if (found.length === 1) return found[0]!
  if (found.length === 0)
    throw new ArchipelError('TRANSFER_NOT_FOUND', `this island knows no transfer ${text.slice(0, 100)}`)
  throw new ArchipelError('AMBIGUOUS', `${found.length} transfers fit ${text}`, {
    hint: 'Give more of the id.',
    details: { candidates: found.slice(0, 20) },
  })
}

export const isOver = ({ state }: TransferView) => TRANSFER_ENDS.has(state) || state === 'paused'

/** Why it did not bring what it should. */
export function failureOf({ id, state, problem }: TransferView): ArchipelError {
  if (problem !== undefined) return errorFromInfo(problem)
  return new ArchipelError('TRANSFER_STATE', `the transfer is ${state}`, {
    ...(state === 'paused' ? { hint: `archipel transfers resume ${id}` } : {}),
  })
}
