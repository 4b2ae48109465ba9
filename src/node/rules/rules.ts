/** Rules: written here, read from all, and obeyed by bringing copies when it is this island's turn. */
import { setImmediate as breath } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { descending, pageOf } from '../../protocols/model/paging.ts'
import { type RuleBody, type RuleExplanation, type RuleRequest, ruleBody } from '../../protocols/model/rule.ts'
import { withJournal } from '../../protocols/model/with-journal.ts'
import { countCopies, type DecidedIsland, exclusion, places } from '../../protocols/rules/decide.ts'
import { parseSites } from '../../protocols/rules/sites.ts'
import type { RulesComponents, RulesInit, RulesPort } from './port.ts'
import { type KnownRule, knownRule, RULE, ruleTable, type Selected } from './table.ts'
import { explanationOf, type Judged, ruleViewOf } from './views.ts'
import { decidedIslands, decisionsOn } from './world.ts'

/** Changes come in bursts; a round is begun this long after the first. */
const SETTLE_MS = 100
/** Rounds in one window, so that nobody misses his turn. */
const ROUNDS_PER_WINDOW = 3
/** So long after a start the news of others is awaited, a third of a window at most: what is known here may be old. */
const NEWS_MS = 5_000
/** Windows that this island waits after it could not bring a copy. */
const BACK_OFF_WINDOWS = 10
/** Datasets judged between two breaths of the event loop. */
const BATCH = 500
/** Copies whose transfers are being set up at a time. */
const AT_ONCE = 4
const PAGE = 100
const SHOWN_EXCLUSIONS = 10

const keyOf = ({ publisher, id, version }: Selected) => `${publisher} ${id} ${version}`

export function rules(init: RulesInit, components: RulesComponents): RulesPort {
  const { self } = init
  const { catalog, journal, logger, nameOf, policy } = components
  const now = components.now ?? Date.now
  const after = components.after ?? timeout
  const table = ruleTable({ catalog })
  const stopping = new AbortController()
  /** When a copy was first seen to be missing, by dataset and version. */
  const since = new Map<string, number>()
  /** Until when this island does not try again. */
  const notBefore = new Map<string, number>()
  let cancel = () => {}
  let due = Number.POSITIVE_INFINITY
  let up = false
  /** No round is begun before. */
  let from = 0
  let off = () => {}
  /** Rounds and readings of the catalog, one after the other. */
  let work: Promise<unknown> = Promise.resolve()

  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const next = work.then(task)
    work = next.catch(() => {})
    return next
  }

  function later(soon: number): void {
    const ms = Math.max(soon, from - now())
    if (!up || stopping.signal.aborted || due <= now() + ms) return
    cancel()
    due = now() + ms
    cancel = after(ms, () => {
      due = Number.POSITIVE_INFINITY
      inTurn(round)
        .catch((error: unknown) => {
          if (!stopping.signal.aborted) logger.warn({ err: error }, 'a round over the rules failed')
        })
        .finally(() => later(init.claimMs / ROUNDS_PER_WINDOW))
    })
  }

  const islands = () => decidedIslands(init, components)
  const live = (rule: KnownRule) => rule.expires > now()
  const rulesOf = (dataset: Selected) => [...dataset.rules].flatMap((key) => table.rule(key) ?? []).filter(live)
  const windowOf = (dataset: Selected) => Math.floor((now() - (since.get(keyOf(dataset)) ?? now())) / init.claimMs)

  /** Looks at all datasets that rules select, and begins what is this island's to do. */
  async function round(): Promise<void> {
    await table.scan()
    await endExpired()
    const all = islands()
    const due: { dataset: Selected; rule: KnownRule }[] = []
    const lacking = new Set<string>()
    let judged = 0
    for (const dataset of table.selected()) {
      if (++judged % BATCH === 0) await breath()
      const key = keyOf(dataset)
      const decisions = decisionsOn(dataset, rulesOf(dataset), all, windowOf(dataset), components)
      if (decisions.every(({ missing }) => missing === 0)) continue
      lacking.add(key)
      if (!since.has(key)) since.set(key, now())
      const mine = decisions.find(({ turn }) => turn.includes(self))
      const rule = mine === undefined ? undefined : table.rule(mine.rule.key)
      if (rule !== undefined && (notBefore.get(key) ?? 0) <= now()) due.push({ dataset, rule })
    }
    for (const key of since.keys()) if (!lacking.has(key)) since.delete(key)
    for (const [key, time] of notBefore) if (time <= now()) notBefore.delete(key)
    await claim(due)
    const bringing = async () => {
      for (let next = due.shift(); next !== undefined; next = due.shift()) await bring(next.dataset, next.rule)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, bringing))
  }

  /** Ahead of the bytes: setting up many transfers takes longer than a window. */
  async function claim(due: readonly { dataset: Selected; rule: KnownRule }[]): Promise<void> {
    const willing = due.filter(({ dataset, rule }) => !components.paused(dataset) && mayObey(dataset, rule))
    if (willing.length > 0 && !stopping.signal.aborted) await components.claim(willing.map(({ dataset }) => dataset))
  }

  const userOf = ({ id }: KnownRule) => `rule ${id}`

  /** @throws FORBIDDEN */
  const checkObey = (dataset: Selected, rule: KnownRule) =>
    policy.check({ island: rule.origin, user: userOf(rule), action: 'rule:obey', datasets: [dataset.id] })

  function mayObey(dataset: Selected, rule: KnownRule): boolean {
    try {
      checkObey(dataset, rule)
      return true
    } catch {
      return false
    }
  }

  async function bring(dataset: Selected, rule: KnownRule): Promise<void> {
    if (stopping.signal.aborted || components.paused(dataset)) return
    // A transfer that fails is not begun again at once, either.
    notBefore.set(keyOf(dataset), now() + BACK_OFF_WINDOWS * init.claimMs)
    const user = userOf(rule)
    const { publisher, id, version } = dataset
    try {
      checkObey(dataset, rule)
      await components.bring(
        { publisher, id, version },
        { priority: rule.body.priority, user, signal: stopping.signal },
      )
      journal.write({ actor: `${user}@${rule.origin}`, action: 'rule:obey', subject: id, outcome: 'ok' })
    } catch (cause) {
      if (stopping.signal.aborted) return
      const { code, message } = toArchipelError(cause)
      logger.info(
        { dataset: id, rule: rule.id, code, reason: message },
        'a rule asks for a copy that cannot be brought here',
      )
      const outcome = code === 'FORBIDDEN' ? 'refused' : 'failed'
      journal.write({ actor: `${user}@${rule.origin}`, action: 'rule:obey', subject: id, outcome, code })
    } finally {
      if (!stopping.signal.aborted) await components.unclaim(dataset)
    }
  }

  async function endExpired(): Promise<void> {
    for (const rule of table.rules()) if (rule.origin === self && !live(rule)) await catalog.withdraw(RULE, rule.id)
  }

  function judge(rule: KnownRule, datasets: readonly Selected[], all: readonly DecidedIsland[]): Judged[] {
    return datasets.map((dataset) => {
      const among = [...rulesOf(dataset).filter(({ key }) => key !== rule.key), rule]
      const decisions = decisionsOn(dataset, among, all, windowOf(dataset), components)
      return { dataset, decision: decisions.find((each) => each.rule.key === rule.key)! }
    })
  }

  const selectedBy = (rule: KnownRule) => table.selected().filter((dataset) => dataset.rules.has(rule.key))

  function view(rule: KnownRule) {
    const all = islands()
    return ruleViewOf(rule, judge(rule, selectedBy(rule), all), { nameOf, islands: all })
  }

  function explain(rule: KnownRule, datasets = selectedBy(rule)): RuleExplanation {
    const all = islands()
    return explanationOf(rule, judge(rule, datasets, all), { nameOf, islands: all })
  }

  function one(ref: string): KnownRule {
    const found = table.rules().filter(({ id }) => id === ref || (ref.length >= 8 && id.startsWith(ref)))
    const exact = found.filter(({ id }) => id === ref)
    const [rule, more] = exact.length > 0 ? exact : found
    if (rule === undefined)
      throw new ArchipelError('RULE_NOT_FOUND', `no rule ${JSON.stringify(ref.slice(0, 100))} is known here`)
    if (more !== undefined)
      throw new ArchipelError('AMBIGUOUS', `several rules begin with ${JSON.stringify(ref.slice(0, 100))}`, {
        hint: 'Give the whole id: `archipel rules list` shows it.',
      })
    return rule
  }

  function bodyOf({ select, copies, sites, spread, lifetimeMs, priority }: RuleRequest): RuleBody {
    const island = select.island === undefined ? {} : { island: components.islandNamed(select.island) }
    const body = {
      select: { ...select, ...island },
      copies,
      sites,
      spread,
      priority: priority ?? 'normal',
      created: new Date(now()).toISOString(),
      expires: lifetimeMs === undefined ? undefined : new Date(now() + lifetimeMs).toISOString(),
    }
    // Without what is not there.
    return ruleBody.parse(JSON.parse(JSON.stringify(body)))
  }

  /** @throws RULE_IMPOSSIBLE, RULE_EXISTS */
  function checkSound(rule: KnownRule): void {
    const { minSize, maxSize } = rule.body.select
    if (minSize !== undefined && maxSize !== undefined && minSize > maxSize)
      throw new ArchipelError('RULE_IMPOSSIBLE', 'no dataset is larger than minSize and smaller than maxSize')
    const all = islands()
    const room = places(rule, all)
    if (room < rule.copies) throw tooFew(rule, all, room)
    const same = table.rules().find((other) => other.origin === self && live(other) && sameAim(other.body, rule.body))
    if (same !== undefined)
      throw new ArchipelError('RULE_EXISTS', `the rule ${same.id} selects the same datasets and islands`, {
        details: { rule: same.id },
      })
  }

  function tooFew(rule: KnownRule, all: readonly DecidedIsland[], room: number): ArchipelError {
    const excluded = all.flatMap((island) => {
      const reason = exclusion(rule, island)
      return reason === undefined ? [] : [{ island: nameOf(island.id), reason }]
    })
    const eligible = all.length - excluded.length
    const spread = rule.spread !== undefined && eligible >= rule.copies
    const islandWord = eligible === 1 ? '1 island' : `${eligible} islands`
    const message = spread
      ? `${rule.copies} copies, each of another ${rule.spread}, are asked for, and the islands that may hold them are of ${room}`
      : `${rule.copies} copies are asked for, and ${islandWord} may hold one`
    const reasons = excluded.slice(0, SHOWN_EXCLUSIONS).map(({ island, reason }) => `${island}: ${reason}`)
    return new ArchipelError('RULE_IMPOSSIBLE', [message, ...reasons].join('; '), {
      details: { copies: rule.copies, eligible, places: room, excluded: excluded.slice(0, PAGE) },
    })
  }

  async function add(request: RuleRequest, user: string): Promise<RuleExplanation> {
    policy.check({ island: self, user, action: 'rule:add' })
    const id = components.newId()
    const body = bodyOf(request)
    const rule = knownRule(self, id, body)
    if (rule === undefined) {
      // Says what is wrong with it.
      if (body.sites !== undefined) parseSites(body.sites)
      throw new ArchipelError('BAD_INPUT', 'the cone of the filter is none')
    }
    checkSound(rule)
    if (request.dryRun === true) return explain(rule, await table.wouldSelect(rule))
    await catalog.append(RULE, id, body)
    await inTurn(() => table.scan())
    later(SETTLE_MS)
    return explain(table.rule(rule.key) ?? rule)
  }

  async function journalled<T>(action: string, subject: string, user: string, task: () => Promise<T>): Promise<T> {
    return await withJournal(journal, { actor: `${user}@${self}`, action, subject }, task)
  }

  return {
    async start() {
      off = catalog.on('change', (changes) => {
        const concerns = changes.some(
          (change) => change.type === 'put' && ['replica', 'island'].includes(change.record.kind),
        )
        if (table.apply(changes) || concerns || changes.some(({ type }) => type !== 'put')) later(SETTLE_MS)
      })
      await inTurn(() => table.load())
    },
    resume() {
      up = true
      from = now() + Math.min(NEWS_MS, init.claimMs / ROUNDS_PER_WINDOW)
      later(SETTLE_MS)
    },
    async stop() {
      off()
      stopping.abort()
      cancel()
      await work
    },
    add: (request, { user = 'owner' } = {}) =>
      request.dryRun === true
        ? add(request, user)
        : journalled('rule:add', JSON.stringify(request.select).slice(0, 200), user, () => add(request, user)),
    async list({ limit = PAGE, cursor } = {}) {
      await inTurn(() => table.scan())
      const order = (rule: KnownRule) => [descending(Date.parse(rule.body.created)), rule.key]
      const page = pageOf(table.rules().filter(live), order, { limit, cursor }, 'rules')
      return { ...page, items: page.items.map(view) }
    },
    show: async (ref) => {
      await inTurn(() => table.scan())
      return view(one(ref))
    },
    explain: async (ref) => {
      await inTurn(() => table.scan())
      return explain(one(ref))
    },
    lives: (id) => table.rules().some((rule) => rule.id === id && live(rule)),
    settled: () => inTurn(() => table.scan()),
    unmet({ publisher, dataset, version }, stay) {
      const selected = table.dataset(publisher, dataset)
      // An earlier version is nobody's aim any more.
      if (selected === undefined || selected.version !== version) return []
      const all = islands()
      const copies = (rule: KnownRule, of: readonly string[]) =>
        countCopies(
          rule,
          all.filter(({ id }) => of.includes(id)),
        )
      return rulesOf(selected).flatMap((rule) => {
        const kept = copies(rule, stay)
        const needed = kept < rule.copies && copies(rule, [...stay, self]) > kept
        return needed ? [{ rule: rule.id, origin: rule.origin, kept, wanted: rule.copies }] : []
      })
    },
    remove: (ref, { user = 'owner' } = {}) =>
      journalled('rule:remove', ref.slice(0, 200), user, async () => {
        policy.check({ island: self, user, action: 'rule:remove' })
        const { id, origin } = one(ref)
        if (origin !== self)
          throw new ArchipelError('FORBIDDEN', `${nameOf(origin)} made this rule`, {
            hint: 'It is removed there; rules.accept says whose rules this island obeys.',
          })
        await catalog.withdraw(RULE, id)
        return { id }
      }),
  }
}

function timeout(ms: number, fn: () => void): () => void {
  const timer = setTimeout(fn, ms)
  return () => clearTimeout(timer)
}

function sameAim(a: RuleBody, b: RuleBody): boolean {
  const aim = ({ select, sites, spread }: RuleBody) => ({ select, sites, spread })
  return isDeepStrictEqual(aim(a), aim(b))
}
