import type { LivyKind } from '../../../protocols/livy/objects.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { PolicyPort } from '../../policy/policy.ts'
import type { Making } from '../calls.ts'
import { kindOfFile, TASK_KIND } from '../kinds.ts'
import type { LivySite } from '../site.ts'

export const kindOf = (making: Making): LivyKind =>
  making.type === 'session' ? making.request.kind : kindOfFile(making.request.file)

/**
 * The first of this island's Livys that can do it and that the asker may use.
 * @throws FORBIDDEN, LANGUAGE_MISSING, ENGINE_DOWN
 */
export function chooseSite(
  sites: readonly LivySite[],
  policy: PolicyPort,
  { island, making }: { island: string; making: Making },
): LivySite {
  const kind = kindOf(making)
  let why: ArchipelError | undefined
  for (const site of sites) {
    if (making.engine !== undefined && making.engine !== site.engine) continue
    if (!site.kinds().has(kind)) continue
    try {
      policy.check({
        island,
        user: making.user,
        action: 'task:run',
        kind: TASK_KIND[kind],
        engine: site.engine,
        datasets: making.datasets.map((d) => d.id),
      })
    } catch (error) {
      why ??= toArchipelError(error)
      continue
    }
    const { up, reason } = site.state()
    if (up) return site
    // The asker may use it, and it is what would run this: another engine would be a surprise.
    throw new ArchipelError('ENGINE_DOWN', reason ?? 'the Livy of this island does not answer')
  }
  if (why !== undefined) throw why
  const what =
    making.type === 'session' ? `sessions of kind ${kind}` : `batches of ${making.request.file.split('/').at(-1)}`
  throw new ArchipelError('LANGUAGE_MISSING', `this island runs no ${what}`)
}
