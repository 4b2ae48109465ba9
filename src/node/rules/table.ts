/** All rules, and the datasets that each selects: kept equal to the catalog, in memory. */
import { setImmediate as breath } from 'node:timers/promises'
import { datasetTest } from '../../protocols/metadata/dataset-test.ts'
import { type DatasetBody, datasetBody } from '../../protocols/model/dataset.ts'
import { parseUntrusted } from '../../protocols/model/parse.ts'
import { type RuleBody, ruleBody } from '../../protocols/model/rule.ts'
import type { DatasetFilter } from '../../protocols/model/views.ts'
import type { SignedRecord } from '../../protocols/record/envelope.ts'
import type { DecidedRule } from '../../protocols/rules/decide.ts'
import { parseSites } from '../../protocols/rules/sites.ts'
import type { CatalogChange, CatalogPort } from '../catalog/port.ts'

export const RULE = 'rule'
/** Datasets looked at between two breaths of the event loop. */
const BATCH = 500

export interface KnownRule extends DecidedRule {
  id: string
  body: RuleBody
  /** Milliseconds since 1970, or never. */
  expires: number
  selects(dataset: { publisher: string; id: string; body: DatasetBody }): boolean
}

/** A dataset that some rule selects. */
export interface Selected {
  publisher: string
  id: string
  name: string
  version: string
  bytes: number
  /** Keys of the rules. */
  rules: Set<string>
}

export interface RuleTable {
  rules(): KnownRule[]
  rule(key: string): KnownRule | undefined
  selected(): Selected[]
  dataset(publisher: string, id: string): Selected | undefined
  /** @returns whether anything of rules or datasets changed */
  apply(changes: CatalogChange[]): boolean
  /** Looks through the catalog for rules that are new. */
  scan(): Promise<void>
  /** What a rule would select, which need not be known here. */
  wouldSelect(rule: KnownRule): Promise<Selected[]>
  load(): Promise<void>
}

const keyOf = (publisher: string, id: string) => `${publisher} ${id}`

/** Undefined where the expression or the filter cannot be read: of a newer island, perhaps. */
export function knownRule(origin: string, id: string, body: RuleBody): KnownRule | undefined {
  try {
    const { island, ...filter } = body.select
    // Judged by the record alone, so that every island finds the same: `island` is the publisher.
    const misses = datasetTest(filter as DatasetFilter)
    const view = { publisher: { id: '', name: '' }, holders: [], recordedAt: '' }
    const expires = body.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(body.expires)
    return {
      key: `${origin}/${id}`,
      origin,
      id,
      body,
      copies: body.copies,
      sites: body.sites === undefined ? undefined : parseSites(body.sites),
      spread: body.spread,
      expires: Number.isNaN(expires) ? 0 : expires,
      selects: ({ publisher, ...dataset }) =>
        (island === undefined || island === publisher) && misses({ ...view, ...dataset }).length === 0,
    }
  } catch {
    return undefined
  }
}

export function ruleTable({ catalog }: { catalog: Pick<CatalogPort, 'list'> }): RuleTable {
  const rules = new Map<string, KnownRule>()
  const selected = new Map<string, Selected>()
  /** Rules for which the catalog was not looked through yet. */
  let fresh = new Set<string>()
  /** Publishers and datasets that changed while it is looked through: what is read may be older. */
  let changed: Set<string> | undefined

  function putRule(record: SignedRecord): void {
    const key = `${record.origin}/${record.id}`
    removeRule(key)
    const body = parseUntrusted(ruleBody, record.body)
    const rule = body.success ? knownRule(record.origin, record.id, body.data) : undefined
    if (rule === undefined) return
    rules.set(key, rule)
    fresh.add(key)
  }

  function removeRule(key: string): void {
    if (!rules.delete(key)) return
    for (const [at, dataset] of selected) if (dataset.rules.delete(key) && dataset.rules.size === 0) selected.delete(at)
  }

  function facts(origin: string, id: string, body: DatasetBody, keys: Iterable<string>): Selected {
    const { name, version, size: bytes } = body
    return { publisher: origin, id, name, version, bytes, rules: new Set(keys) }
  }

  function putDataset(record: SignedRecord, among: Iterable<KnownRule>, before: Iterable<string>): void {
    const body = parseUntrusted(datasetBody, record.body)
    if (!body.success) return
    const { origin, id } = record
    const keys = new Set(before)
    for (const rule of among) if (rule.selects({ publisher: origin, id, body: body.data })) keys.add(rule.key)
    if (keys.size > 0) selected.set(keyOf(origin, id), facts(origin, id, body.data, keys))
    else selected.delete(keyOf(origin, id))
  }

  function applyOne(change: CatalogChange): boolean {
    if (change.type === 'dropped') {
      changed?.add(change.origin)
      for (const { key, origin } of [...rules.values()]) if (origin === change.origin) removeRule(key)
      for (const [at, { publisher }] of selected) if (publisher === change.origin) selected.delete(at)
      return true
    }
    const [kind, origin, id] =
      change.type === 'put'
        ? [change.record.kind, change.record.origin, change.record.id]
        : [change.kind, change.origin, change.id]
    if (kind === RULE) {
      if (change.type === 'put') putRule(change.record)
      else removeRule(`${origin}/${id}`)
      return true
    }
    if (kind !== 'dataset') return false
    changed?.add(keyOf(origin, id))
    if (change.type === 'put') putDataset(change.record, rules.values(), [])
    else selected.delete(keyOf(origin, id))
    return true
  }

  async function scan(): Promise<void> {
    if (fresh.size === 0) return
    const keys = fresh
    fresh = new Set()
    changed = new Set()
    try {
      let read = 0
      for await (const record of catalog.list('dataset')) {
        const key = keyOf(record.origin, record.id)
        const among = [...keys].flatMap((each) => rules.get(each) ?? [])
        if (!changed.has(key) && !changed.has(record.origin)) putDataset(record, among, selected.get(key)?.rules ?? [])
        if (++read % BATCH === 0) await breath()
      }
    } catch (error) {
      for (const key of keys) fresh.add(key)
      throw error
    } finally {
      changed = undefined
    }
  }

  return {
    rules: () => [...rules.values()],
    rule: (key) => rules.get(key),
    selected: () => [...selected.values()],
    dataset: (publisher, id) => selected.get(keyOf(publisher, id)),
    apply: (changes) => changes.map(applyOne).includes(true),
    scan,
    async wouldSelect(rule) {
      const found: Selected[] = []
      for await (const { origin, id, body } of catalog.list('dataset')) {
        const parsed = parseUntrusted(datasetBody, body)
        if (parsed.success && rule.selects({ publisher: origin, id, body: parsed.data }))
          found.push(facts(origin, id, parsed.data, [rule.key]))
      }
      return found
    },
    async load() {
      for await (const record of catalog.list(RULE)) putRule(record)
      await scan()
    },
  }
}
