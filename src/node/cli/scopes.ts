import { ArchipelError } from '../../protocols/model/errors.ts'
import { SCOPES, type Scope } from '../../web/contract/scopes.ts'

/** `read,run` as a list. @throws BAD_INPUT */
export function scopesOf(text: string): Scope[] {
  const words = text.split(',').map((word) => word.trim())
  const wrong = words.find((word) => !(SCOPES as readonly string[]).includes(word))
  if (wrong !== undefined)
    throw new ArchipelError('BAD_INPUT', `--scope: ${JSON.stringify(wrong.slice(0, 60))} is no scope`, {
      hint: `Scopes are ${SCOPES.join(', ')}; write several like read,run. run and publish imply read, admin implies all.`,
    })
  return words as Scope[]
}
