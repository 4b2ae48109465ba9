import type {
  LivyCodeKind,
  LivySessionRequest,
  LivyStatement,
  LivyStatementRequest,
} from '../../../protocols/livy/objects.ts'
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { ENDED, type Entries, type Entry, realId, visibleId } from './entries.ts'
import { type Binding, isPrelude, PRELUDE_KIND, type PreludeLanguage, preludeCode, preludeLanguage } from './prelude.ts'
import type { LivyCall } from './rest.ts'
import type { SiteScrubber } from './scrub.ts'
import { readSession, readStatement, readStatements } from './shapes.ts'

export interface SiteStatementsInit {
  call(entry: Entry, method: 'GET' | 'POST' | 'DELETE', path?: string, options?: LivyCall): Promise<unknown>
  entries: Pick<Entries, 'save'>
  binding(entry: Entry): Binding
  scrub: SiteScrubber
}

type Options = { signal?: AbortSignal }

const CODE_KINDS: ReadonlySet<string> = new Set<LivyCodeKind>(['spark', 'pyspark', 'sparkr', 'sql'])

/** Statements of sessions, without those that bind the data: the ids that others see count from 0 without them. */
export function siteStatements({ call, entries, binding, scrub }: SiteStatementsInit) {
  function shown(entry: Entry, statement: LivyStatement): LivyStatement {
    const id = visibleId(entry.hidden, statement.id)
    const output = statement.output === null ? null : { ...statement.output, execution_count: id }
    return scrub.statement(entry, { ...statement, id, output })
  }

  /** What Livy has; finds ours by their first line where an answer was lost. */
  async function list(entry: Entry, options: Options): Promise<LivyStatement[]> {
    if (readSession(await call(entry, 'GET', '', options)).state === 'dead')
      // Livy itself would not answer for minutes where the session died at its start.
      throw new LivyRefusal(400, { msg: "requirement failed: Session isn't active." })
    const listed = readStatements(await call(entry, 'GET', '/statements', options))
    let found = false
    for (const { id, code } of listed) {
      const language = isPrelude(code, entry.mark)
      if (language === undefined || entry.hidden.includes(id)) continue
      remember(entry, language, id)
      found = true
    }
    if (found) await entries.save(entry)
    return listed
  }

  function remember(entry: Entry, language: PreludeLanguage, id: number): void {
    // A list that was read meanwhile may have shown it already.
    entry.hidden = [...new Set([...entry.hidden, id])].sort((a, b) => a - b)
    if (!entry.bound.includes(language)) entry.bound = [...entry.bound, language]
  }

  async function post(entry: Entry, body: LivyStatementRequest, options: Options): Promise<LivyStatement> {
    const expected = entry.next
    entry.next = undefined
    let statement: LivyStatement
    try {
      statement = readStatement(await call(entry, 'POST', '/statements', { ...options, body }))
    } catch (error) {
      // It was not taken; after anything else nobody knows, and the list is read again.
      if (error instanceof LivyRefusal) entry.next = expected
      throw error
    }
    entry.next = statement.id + 1
    return statement
  }

  function languageOf(entry: Entry, request: LivyStatementRequest): PreludeLanguage | undefined {
    const kind = request.kind ?? (entry.asked as LivySessionRequest).kind
    return CODE_KINDS.has(kind) ? preludeLanguage(kind as LivyCodeKind) : undefined
  }

  async function bind(entry: Entry, language: PreludeLanguage | undefined, options: Options): Promise<void> {
    const needs = entry.datasets.length > 0 || entry.params !== undefined
    if (!needs || language === undefined || entry.bound.includes(language)) return
    const code = preludeCode(language, binding(entry), entry.mark)
    const { id } = await post(entry, { code, kind: PRELUDE_KIND[language] }, options)
    remember(entry, language, id)
    await entries.save(entry)
  }

  async function submitNow(
    entry: Entry,
    request: LivyStatementRequest,
    expect: number,
    options: Options,
  ): Promise<LivyStatement> {
    const known = entry.next === undefined ? await list(entry, options) : undefined
    if (known !== undefined) entry.next = (known.at(-1)?.id ?? -1) + 1
    const next = visibleId(entry.hidden, entry.next ?? 0)
    if (expect < next) {
      const there = known?.find((each) => each.id === realId(entry.hidden, expect))
      return there === undefined ? await one(entry, expect, options) : shown(entry, there)
    }
    if (expect > next)
      throw new ArchipelError(
        'ENGINE_FAILED',
        `the session of Livy has ${next} statements where ${expect} were expected`,
        {
          hint: 'Open a new session.',
        },
      )
    await bind(entry, languageOf(entry, request), options)
    return shown(entry, await post(entry, request, options))
  }

  async function one(entry: Entry, id: number, options: Options = {}): Promise<LivyStatement> {
    const path = `/statements/${realId(entry.hidden, id)}`
    return shown(entry, readStatement(await call(entry, 'GET', path, options)))
  }

  return {
    one,
    async all(entry: Entry, options: Options = {}): Promise<LivyStatement[]> {
      const listed = await list(entry, options)
      return listed.filter(({ id }) => !entry.hidden.includes(id)).map((each) => shown(entry, each))
    },
    /** `expect` is there already, or it is submitted: once, whatever becomes of the answer. */
    submit(entry: Entry, request: LivyStatementRequest, expect: number, options: Options): Promise<LivyStatement> {
      const mine = entry.turn.then(() => submitNow(entry, request, expect, options))
      entry.turn = mine.catch(() => {})
      return mine
    },
    async cancel(entry: Entry, id: number, options: Options): Promise<void> {
      await call(entry, 'POST', `/statements/${realId(entry.hidden, id)}/cancel`, { ...options, body: {} })
    },
    async bindingError(entry: Entry): Promise<string | undefined> {
      if (entry.state !== undefined && ENDED.has(entry.state)) return undefined
      for (const id of entry.hidden) {
        const { output } = readStatement(await call(entry, 'GET', `/statements/${id}`))
        if (output?.status === 'error') return `${output.ename}: ${output.evalue}`
      }
      return undefined
    },
  }
}
