import { type ActionBody, actionBody, MAX_ACTION_CODE_BYTES } from '../../protocols/model/action.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { issueText } from '../../protocols/model/issues.ts'
import { pageOf } from '../../protocols/model/paging.ts'
import type { ActionRequest, ActionRunRequest, ActionView, SubmitRequest } from '../../protocols/model/views.ts'
import { withJournal } from '../../protocols/model/with-journal.ts'
import { actionId, KIND, oneAction, parseActionRef, recordView, type StoredAction, storedView } from './known.ts'
import type { ActionsComponents, ActionsPort } from './port.ts'
import { argsOf, checkDefaults, valuesOf } from './values.ts'

const MAX_OWN = 1_000
const PAGE = 100

/** @see ActionsPort */
export function actions(init: { self: string }, components: ActionsComponents): ActionsPort {
  const { self } = init
  const { store, catalog, journal } = components
  const names = { self, nameOf: components.nameOf }
  /** One change of the own actions at a time. */
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = turn.then(work, work)
    turn = next.catch(() => {})
    return next
  }

  async function own(name: string): Promise<StoredAction | undefined> {
    const text = await store.get(name)
    return text === undefined ? undefined : (JSON.parse(text) as StoredAction)
  }

  async function* saved(): AsyncGenerator<StoredAction> {
    for await (const [, text] of store.entries()) yield JSON.parse(text) as StoredAction
  }

  const recordOf = (name: string, origin: string) => catalog.get(KIND, actionId(origin, name), origin)

  async function ownView(name: string): Promise<ActionView | undefined> {
    const [stored, record] = await Promise.all([own(name), recordOf(name, self)])
    if (stored !== undefined) return storedView(stored, record, names)
    return record === undefined ? undefined : recordView(record, names)
  }

  async function* known(): AsyncGenerator<ActionView> {
    const seen = new Set<string>()
    for await (const stored of saved()) {
      const { name } = stored.body
      seen.add(actionId(self, name))
      yield storedView(stored, await recordOf(name, self), names)
    }
    for await (const record of catalog.list(KIND)) {
      if (seen.has(record.id) || !components.isMember(record.origin)) continue
      const view = recordView(record, names)
      if (view !== undefined) yield view
    }
  }

  async function show(ref: string): Promise<ActionView> {
    const { name, publisher } = parseActionRef(ref)
    if (publisher === self)
      return oneAction(
        ref,
        [await ownView(name)].filter((v) => v !== undefined),
      )
    if (publisher !== undefined) {
      const record = components.isMember(publisher) ? await recordOf(name, publisher) : undefined
      const view = record === undefined ? undefined : recordView(record, names)
      return oneAction(ref, view === undefined ? [] : [view])
    }
    const found: ActionView[] = []
    for await (const view of known()) if (view.name === name) found.push(view)
    return oneAction(ref, found)
  }

  /** An action of this island that the caller may change. */
  async function mine(ref: string, { user = 'owner', onlyOwn = false }: { user?: string; onlyOwn?: boolean } = {}) {
    const { name, publisher } = parseActionRef(ref)
    const view = publisher === undefined || publisher === self ? await ownView(name) : undefined
    if (view === undefined)
      throw new ArchipelError('ACTION_NOT_FOUND', `this island has no action ${JSON.stringify(ref.slice(0, 120))}`)
    mayChange(view.user, user, onlyOwn)
    return view
  }

  async function bodyOf(request: ActionRequest, user: string): Promise<ActionBody> {
    const { batch, ...rest } = request
    const kept = batch?.main === undefined ? undefined : await components.mains.find(batch.main)
    if (batch?.main !== undefined && kept === undefined)
      throw new ArchipelError('NOT_FOUND', `the main file ${batch.main.name} is not kept at this island`, {
        hint: 'Upload it first: POST /api/v1/mains answers with its name and hash.',
      })
    if (Buffer.byteLength(request.code) > MAX_ACTION_CODE_BYTES)
      throw new ArchipelError('TOO_LARGE', `the code of an action has at most ${MAX_ACTION_CODE_BYTES} bytes`, {
        hint: 'Longer programs are main files of batches, or files that the code reads.',
      })
    const { main: _, ...parts } = batch ?? {}
    const parsed = actionBody.safeParse({
      datasets: [],
      params: {},
      ...rest,
      ...(batch === undefined ? {} : { batch: kept === undefined ? parts : { ...parts, main: kept } }),
    })
    if (!parsed.success) throw new ArchipelError('BAD_INPUT', issueText(parsed.error.issues[0]!, request, 'the action'))
    // As it will be read again: without fields that are not there.
    const body = JSON.parse(JSON.stringify(parsed.data)) as ActionBody
    checkDefaults(body.params)
    const { kind, code, engine, spark } = body
    components.check({ kind, code, engine, spark, batch: body.batch, datasets: body.datasets }, user)
    argsOf(body.batch?.args ?? [], Object.fromEntries(Object.keys(body.params).map((name) => [name, ''])))
    return body
  }

  async function save(request: ActionRequest, user: string, onlyOwn: boolean): Promise<ActionView> {
    const body = await bodyOf(request, user)
    return await inTurn(async () => {
      const before = await own(body.name)
      if (before !== undefined) mayChange(before.user, user, onlyOwn)
      else {
        let count = 0
        for await (const _ of store.entries()) count++
        if (count >= MAX_OWN)
          throw new ArchipelError('TOO_MANY', `this island keeps ${MAX_OWN} actions already`, {
            hint: 'Remove some: archipel actions remove <name>.',
          })
      }
      const stored: StoredAction = { v: 1, body, user: before?.user ?? user, modified: Date.now() }
      await store.put(body.name, JSON.stringify(stored))
      return storedView(stored, await recordOf(body.name, self), names)
    })
  }

  async function share(ref: string, options: { user?: string; onlyOwn?: boolean }): Promise<ActionView> {
    return await inTurn(async () => {
      const { name } = await mine(ref, options)
      const stored = await own(name)
      if (stored === undefined) return (await ownView(name))!
      try {
        const record = await catalog.append(KIND, actionId(self, name), stored.body)
        return storedView(stored, record, names)
      } catch (cause) {
        const error = toArchipelError(cause)
        if (error.code !== 'RECORD_INVALID') throw error
        throw new ArchipelError('TOO_LARGE', 'the action is too large to be shared: 64 KiB in all', { cause })
      }
    })
  }

  /** The work, and a line on how it ended. */
  async function noted<T>(action: string, subject: string, user: string, work: () => Promise<T>): Promise<T> {
    return await withJournal(journal, { actor: `${user}@${self}`, action, subject }, work)
  }

  return {
    save: (request, { user = 'owner', onlyOwn = false } = {}) =>
      noted('action:save', request.name, user, () => save(request, user, onlyOwn)),
    async list({ text, island, limit = PAGE, cursor }) {
      const wanted = island === undefined ? undefined : components.islandNamed(island)
      const words = (text ?? '').toLowerCase().split(/\s+/).filter(Boolean)
      const views: ActionView[] = []
      for await (const view of known()) {
        if (wanted !== undefined && view.publisher.id !== wanted) continue
        const all = `${view.name} ${view.description ?? ''} ${view.publisher.name} ${view.kind}`.toLowerCase()
        if (words.every((word) => all.includes(word))) views.push(view)
      }
      return pageOf(views, ({ name, id }) => [name, id], { limit, cursor }, 'actions')
    },
    show: (ref) => show(ref),
    run: (ref, request, options = {}) =>
      noted('action:run', ref, options.user ?? 'owner', async () => {
        const view = await show(ref)
        const work = workOf(view, request)
        const main = view.batch?.main
        if (main !== undefined && !view.own) await components.fetchMain(main, view.publisher.id, options)
        return await components.submit(work, options)
      }),
    share: (ref, options = {}) => noted('action:share', ref, options.user ?? 'owner', () => share(ref, options)),
    remove: (ref, options = {}) =>
      noted('action:remove', ref, options.user ?? 'owner', () =>
        inTurn(async () => {
          const { id, name } = await mine(ref, options)
          await catalog.withdraw(KIND, id)
          await store.delete(name)
          return { id }
        }),
      ),
    async shares({ sha256 }) {
      for await (const record of catalog.own(KIND))
        if (recordView(record, names)?.batch?.main?.sha256 === sha256) return true
      return false
    },
    async mains() {
      const found: string[] = []
      for await (const view of known()) {
        if (!view.own) continue
        if (view.batch?.main !== undefined) found.push(view.batch.main.sha256)
        const record = await recordOf(view.name, self)
        const shared = record === undefined ? undefined : recordView(record, names)?.batch?.main
        if (shared !== undefined) found.push(shared.sha256)
      }
      return found
    },
  }
}

function mayChange(owner: string | undefined, user: string, onlyOwn: boolean): void {
  if (onlyOwn && owner !== undefined && owner !== user)
    throw new ArchipelError('FORBIDDEN', `${owner} saved this action`, {
      hint: 'Save it under another name, or ask for a token with the scope admin.',
    })
}

/** The task that a run is. @throws BAD_INPUT */
function workOf(view: ActionView, request: ActionRunRequest): SubmitRequest {
  const { kind, code, engine, spark, batch, timeoutMs, maxRows, id, publisher, version } = view
  const values = valuesOf(view.params, request.params)
  const args = batch?.args === undefined ? undefined : argsOf(batch.args, values)
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(maxRows === undefined ? {} : { maxRows }),
    name: view.name,
    ...request,
    kind,
    code,
    datasets: request.datasets ?? view.datasets,
    params: values,
    ...(engine === undefined ? {} : { engine }),
    ...(spark === undefined ? {} : { spark }),
    ...(batch === undefined ? {} : { batch: { ...batch, ...(args === undefined ? {} : { args }) } }),
    action: { id, publisher: publisher.id, version },
  }
}
