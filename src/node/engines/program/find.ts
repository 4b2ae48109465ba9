import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { EngineLimits } from '../port.ts'
import type { Tools } from '../process/tools.ts'
import { sessionLog } from '../session/log.ts'
import { programBackend } from './backend.ts'
import { findPython, findR, type Language, type ProgramKind } from './languages.ts'

export interface Languages {
  found: Partial<Record<ProgramKind, Language>>
  /** Why not, in words. */
  missing: Partial<Record<ProgramKind, string>>
  /** Settles when each has run once, as sessions will run it; one that could not is among the missing then. */
  tried: Promise<void>
}

export interface Commands {
  /** A command or a path, e.g. of a virtual environment; `none` for none. */
  python: string
  r: string
}

/** The word for a language that is not wanted. */
const NONE = 'none'

interface Known {
  language: Promise<Language | string>
  /** Why it does not run, if it does not. */
  trial?: Promise<string | undefined>
}

/** What was found holds as long as this process. */
const known = new Map<string, Known>()

/** Looks the languages up, and then tries each in the background. */
export async function findLanguages(
  commands: Commands,
  where: { tools: Tools; limits: Required<EngineLimits>; scratchDir: string },
): Promise<Languages> {
  const languages: Languages = { found: {}, missing: {}, tried: Promise.resolve() }
  const trials: Promise<void>[] = []
  const look = async (kind: ProgramKind, command: string, find: (command: string) => Promise<Language | string>) => {
    if (command === NONE) {
      languages.missing[kind] = 'it is switched off in the configuration'
      return
    }
    const key = JSON.stringify([kind, command, where.tools.bwrap, process.env.PATH])
    const entry: Known = known.get(key) ?? { language: find(command).catch(() => `${command} does not run`) }
    known.set(key, entry)
    const language = await entry.language
    if (typeof language === 'string') {
      languages.missing[kind] = language
      return
    }
    languages.found[kind] = language
    entry.trial ??= tryOut(language, where)
    const trial = entry.trial.then((why) => {
      if (why === undefined) return
      known.delete(key)
      delete languages.found[kind]
      languages.missing[kind] = why
    })
    trials.push(trial)
  }
  await Promise.all([look('python', commands.python, findPython), look('r', commands.r, findR)])
  languages.tried = Promise.all(trials).then(() => {})
  return languages
}

async function tryOut(
  language: Language,
  where: { tools: Tools; limits: Required<EngineLimits>; scratchDir: string },
): Promise<string | undefined> {
  try {
    const backend = await programBackend({ ...where, language, datasets: [], params: {}, log: sessionLog() })
    await backend.kill()
    return undefined
  } catch (error) {
    return error instanceof ArchipelError ? error.message : 'it cannot be started'
  }
}
