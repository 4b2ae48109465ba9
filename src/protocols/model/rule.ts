/** Rules: how many copies of which datasets there shall be, at what islands. */
import { z } from 'zod'
import { MAX_ID_LENGTH } from './ids.ts'
import { named } from './parts.ts'
import { datasetSelection, givenSelection } from './selection.ts'
import { transferPriority } from './transfer.ts'

/** Copies that a rule may ask for, and characters of its expression over islands. */
export const MAX_COPIES = 100
export const MAX_SITES_LENGTH = 1000
/** A rule ends after ten years at the latest, when it names a time at all. */
export const MAX_RULE_MS = 3650 * 86_400_000

export const ruleSpread = z.enum(['country', 'site'])
export type RuleSpread = z.infer<typeof ruleSpread>

/** Body of a record of kind `rule`; the record's id is the rule's. */
export const ruleBody = z.object({
  /** `island` is the id of the publisher: holders change by the rule itself. */
  select: datasetSelection,
  copies: z.number().int().min(1).max(MAX_COPIES),
  /** Expression over islands, `rules/sites.ts`; absent: all. */
  sites: z.string().min(1).max(MAX_SITES_LENGTH).optional(),
  /** Each copy in another country, or at another site. */
  spread: ruleSpread.optional(),
  priority: transferPriority,
  /** ISO 8601 instants. */
  created: z.string().max(40),
  expires: z.string().max(40).optional(),
})
export type RuleBody = z.infer<typeof ruleBody>

/** What is asked for when a rule is added. */
export const ruleRequest = z.strictObject({
  select: givenSelection.describe(
    'Which datasets, now and later: as the search of datasets; island is who publishes them.',
  ),
  copies: ruleBody.shape.copies.describe('Whole copies, that of the publisher among them where it fits.'),
  sites: ruleBody.shape.sites.describe("Where, over cards: country = 'DE' and not name = 'x'; everywhere when absent."),
  spread: ruleSpread.optional().describe('Each copy in another country, or at another site.'),
  lifetimeMs: z.number().int().min(1000).max(MAX_RULE_MS).optional().describe('Until it is removed when absent.'),
  priority: transferPriority.optional(),
  dryRun: z.boolean().optional().describe('Answer what it would do, and add nothing.'),
})
export type RuleRequest = z.infer<typeof ruleRequest>

const amount = z.object({ datasets: z.number().int(), bytes: z.number() })

/** A rule, for people. */
export const ruleView = z.object({
  id: z.string(),
  publisher: named,
  ...ruleBody.shape,
  /** What it selects now; those with fewer copies than it asks for, and the bytes of the copies that are missing. */
  selected: amount,
  missing: amount.extend({ copies: z.number().int() }),
  /** Islands that may hold copies by it. */
  islands: z.number().int(),
})
export type RuleView = z.infer<typeof ruleView>

export const rulePage = z.object({
  items: z.array(ruleView),
  total: z.number().int(),
  next: z.string().optional(),
})
export type RulePage = z.infer<typeof rulePage>

/** An island as a rule sees it. */
export const ruleIsland = z.object({
  island: z.string(),
  name: z.string(),
  /** Why it gets no copy by this rule; absent where it may. */
  excluded: z.string().optional(),
})
export type RuleIsland = z.infer<typeof ruleIsland>

/** How a rule stands with one dataset: its islands in the order in which they are asked. */
export const ruleDataset = z.object({
  dataset: z.string().max(MAX_ID_LENGTH),
  name: z.string(),
  publisher: named,
  version: z.string(),
  bytes: z.number(),
  copies: z.number().int(),
  wanted: z.number().int(),
  islands: z.array(
    ruleIsland.extend({
      /** `holds`: a whole copy that counts; `brings`: it said that it will; `next`: its turn; `waits`: for those before it. */
      role: z.enum(['holds', 'brings', 'next', 'waits', 'excluded']),
    }),
  ),
})
export type RuleDataset = z.infer<typeof ruleDataset>

/** A rule, whom it concerns, and what of it is not done yet first. */
export const ruleExplanation = z.object({
  rule: ruleView,
  islands: z.array(ruleIsland),
  datasets: z.array(ruleDataset),
})
export type RuleExplanation = z.infer<typeof ruleExplanation>
