import type {
  LivyArtifact,
  LivyCodeKind,
  LivyJob,
  LivySession,
  LivySessionRequest,
  LivyStatement,
  LivyStatementRequest,
} from '../../../protocols/livy/objects.ts'
import { heldWhile, known, type Who } from './access.ts'
import { type CommonComponents, commonCalls, type Range, type Ref } from './common.ts'
import { isStatementEnd, LAG_MS, type SessionEntry } from './entry.ts'
import type { KeptStatement, Outputs } from './outputs.ts'
import { shownSession } from './shown.ts'
import { listPage, noStatement, notActive, notInState, unreached } from './words.ts'

/** Milliseconds that a statement which is not known is waited for, where its island has to be asked for all of them. */
const LEARN_MS = 5_000

export interface SessionsComponents extends CommonComponents {
  outputs: Outputs
}

/** Livy's sessions and statements, as the endpoint needs them. */
export function livySessions(init: { holdMs: number }, components: SessionsComponents) {
  const { book, peers, outputs, nameOf } = components
  const { ask, get, own, view, calls } = commonCalls(
    {
      find: (ref) => book.get('session', ref),
      all: () => book.all('session'),
      shown: (entry) => ({ ...shownSession(entry.record, nameOf), state: entry.state }),
    },
    components,
  )

  /** Statements and the like are for sessions that have started and are not over. @throws `LivyRefusal` as Livy */
  function active(entry: SessionEntry): void {
    const { state } = entry
    if (entry.over || state === 'starting' || state === 'not_started') throw notInState(state)
  }

  /** While it starts; or until it is as idle as its statements say, for clients ask that before they submit the next. */
  async function current(entry: SessionEntry, who: Who): Promise<void> {
    await known(entry, peers, who)
    await heldWhile(entry, () => entry.state === 'starting', init.holdMs, who)
    await heldWhile(entry, () => entry.lags, Math.min(init.holdMs, LAG_MS), who)
  }

  const settled = (entry: SessionEntry) => heldWhile(entry, () => entry.state === 'starting', init.holdMs, NOBODY)

  async function statementOf(entry: SessionEntry, id: number, who: Who): Promise<KeptStatement> {
    const found = () => entry.statement(id)
    if (entry.next === undefined && found() === undefined && !entry.over && !peers.failed(entry.record.island)) {
      const heard = () => entry.next !== undefined || entry.over || found() !== undefined
      // A failure to ask is told below; what is pushed meanwhile may be it.
      const asked = nextId(entry, who).catch(() => {})
      await Promise.race([asked, entry.changes.until(heard, { ms: LEARN_MS, signal: who.signal })])
    }
    if (found() === undefined) {
      if (entry.over) throw gone(entry)
      // Whether there is one, only its island knows.
      throw entry.next === undefined ? unreached() : noStatement()
    }
    await heldWhile(entry, () => !entry.over && !isStatementEnd(found()?.statement.state ?? 'error'), init.holdMs, who)
    const kept = found()
    if (kept === undefined) throw noStatement()
    if (entry.over && !isStatementEnd(kept.statement.state)) throw gone(entry)
    return kept
  }

  /** A lost session has to look like a dead one to clients that begin anew; one that ended by itself is what Livy says of it. */
  const gone = (entry: SessionEntry) => (entry.lines.length > 0 ? notInState(entry.state) : notActive())

  /** Asks for what is there, where an answer was lost. */
  async function nextId(entry: SessionEntry, who: Who): Promise<number> {
    if (entry.next !== undefined) return entry.next
    const all = await ask.again(entry, (line, key) => line.statements(key), who)
    for (const statement of all) await entry.learn(statement)
    entry.next ??= 0
    return entry.next
  }

  return {
    ...calls,
    async create(request: LivySessionRequest, who: Who): Promise<LivySession> {
      return view(await book.create({ type: 'session', request }, who), who)
    },
    async show(ref: Ref, who: Who): Promise<LivySession> {
      const entry = get(ref)
      await current(entry, who)
      return view(entry, who)
    },
    async state(ref: Ref, who: Who) {
      const entry = get(ref)
      await current(entry, who)
      return { id: entry.record.id, state: entry.state }
    },
    async stop(ref: Ref, who: Who): Promise<void> {
      const entry = own(ref, who)
      if (entry.over) return
      await ask.again(entry, (line, key) => line.stop(key), who)
      entry.end('dead')
    },
    async connect(ref: Ref, who: Who): Promise<LivySession> {
      const entry = own(ref, who)
      await settled(entry)
      return view(entry, who)
    },
    async statements(ref: Ref, { from, size, descending }: Range & { descending?: boolean }, who: Who) {
      const entry = own(ref, who)
      await known(entry, peers, who)
      if (entry.over) throw gone(entry)
      const all = entry.statements()
      const ordered = descending === true ? all.reverse() : all
      const page = listPage(ordered, { from: from ?? 0, size: size ?? all.length })
      const { key } = entry.record
      const statements = await Promise.all(page.map((kept) => outputs.whole(key, kept)))
      return { total_statements: all.length, statements }
    },
    async submit(ref: Ref, request: LivyStatementRequest, who: Who): Promise<LivyStatement> {
      const entry = own(ref, who)
      await known(entry, peers, who)
      active(entry)
      return await entry.inTurn(async () => {
        active(entry)
        const expect = await nextId(entry, who)
        // Whoever leaves meanwhile: what was asked for is not taken back.
        const patient = { ...who, signal: NOBODY.signal }
        let statement: LivyStatement
        try {
          statement = await ask.again(entry, (line, key) => line.submit(key, request, expect), patient)
        } catch (error) {
          // Nobody knows whether it is there.
          entry.next = undefined
          throw error
        }
        await entry.learn(statement)
        entry.next = statement.id + 1
        return await outputs.whole(entry.record.key, entry.statement(statement.id) ?? { statement })
      })
    },
    async statement(ref: Ref, id: number, who: Who): Promise<LivyStatement> {
      const entry = own(ref, who)
      return await outputs.whole(entry.record.key, await statementOf(entry, id, who))
    },
    async cancelStatement(ref: Ref, id: number, who: Who): Promise<void> {
      const entry = own(ref, who)
      active(entry)
      await ask.again(entry, (line, key) => line.cancel(key, id), who)
    },
    async complete(ref: Ref, request: { code: string; kind: LivyCodeKind; cursor: number }, who: Who) {
      const entry = own(ref, who)
      active(entry)
      return { candidates: await ask.again(entry, (line, key) => line.complete(key, request), who) }
    },
    async submitJob(
      ref: Ref,
      way: 'submit' | 'run',
      request: { job: string; jobType: string },
      who: Who,
    ): Promise<LivyJob> {
      const entry = own(ref, who)
      if (entry.over) throw notActive()
      return await ask.once(entry, (line, key) => line.submitJob(key, way, request), who)
    },
    async job(ref: Ref, id: number, who: Who): Promise<LivyJob> {
      const entry = own(ref, who)
      if (entry.over) throw notActive()
      return await ask.again(entry, (line, key) => line.job(key, id), who)
    },
    async cancelJob(ref: Ref, id: number, who: Who): Promise<void> {
      const entry = own(ref, who)
      if (entry.over) throw notActive()
      await ask.again(entry, (line, key) => line.cancelJob(key, id), who)
    },
    async upload(ref: Ref, what: LivyArtifact, file: { name: string; bytes: Uint8Array }, who: Who): Promise<void> {
      const entry = own(ref, who)
      if (entry.over) throw notActive()
      await ask.once(entry, (line, key) => line.upload(key, what, file), who)
    },
    async add(ref: Ref, what: LivyArtifact, uri: string, who: Who): Promise<void> {
      const entry = own(ref, who)
      if (entry.over) throw notActive()
      await ask.again(entry, (line, key) => line.add(key, what, uri), who)
    },
    /** Bytes of the JSON of an output, for those who page. @throws `LivyRefusal` 404, 403 */
    async output(id: number, statement: number, range: { offset: number; limit: number }, who: Who) {
      const entry = own(id, who)
      const kept = await statementOf(entry, statement, who)
      return {
        ...(await outputs.page(entry.record.key, kept, range)),
        ended: entry.over || isStatementEnd(kept.statement.state),
      }
    },
  }
}

const NOBODY = { user: '', admin: true, signal: new AbortController().signal }
