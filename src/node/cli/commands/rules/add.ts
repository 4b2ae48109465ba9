import { type Command, Option } from 'commander'
import { MAX_COPIES, MAX_RULE_MS, type RuleRequest, ruleSpread } from '../../../../protocols/model/rule.ts'
import { transferPriority } from '../../../../protocols/model/transfer.ts'
import type { Cli } from '../../context.ts'
import { parseFilter } from '../../dataset-filter.ts'
import { durationOf } from '../../duration.ts'
import { explanationText } from '../../rule-words.ts'
import { wholeNumber } from '../../whole-number.ts'

const LIFETIME = { flag: '--lifetime', min: 1000, max: MAX_RULE_MS, like: '12h, 30d or 52w' }

interface Options {
  select?: string[]
  copies: string
  sites?: string
  spread?: RuleRequest['spread']
  lifetime?: string
  priority: RuleRequest['priority']
  dryRun?: boolean
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('[words...]', 'words to look for in titles, descriptions, keywords, creators, columns and ids')
    .option(
      '--select <condition>',
      'which datasets, as `archipel datasets --filter` has it; island= is who publishes them (repeatable)',
      (value: string, before: string[] = []) => [...before, value],
    )
    .requiredOption('--copies <n>', 'whole copies, that of the publisher among them where it fits')
    .option(
      '--sites <expression>',
      "at which islands, by name, id, site, place, country, label or engine: country = 'DE'",
    )
    .addOption(
      new Option('--spread <by>', 'each copy in another country, or at another site').choices(ruleSpread.options),
    )
    .option('--lifetime <duration>', 'how long, e.g. 30d; without it, until it is removed')
    .addOption(
      new Option('--priority <priority>', 'which transfers are taken up first')
        .choices(transferPriority.options)
        .default('normal'),
    )
    .option('--dry-run', 'say what it would do, and add nothing')
    .addHelpText(
      'after',
      "\nAn expression has =, !=, in (...), not, and, or, and brackets; text stands in single quotes.\n\nExample:\n  $ archipel rules add --select keyword=survey --copies 2 --sites \"country = 'DE' and not name = 'garching'\" --dry-run",
    )
    .action(async (words: string[], options: Options) => {
      const { io, signal } = cli
      const { sites, spread, lifetime, priority, dryRun } = options
      const request: RuleRequest = {
        select: parseFilter(words, options.select ?? []),
        copies: wholeNumber(options.copies, '--copies', MAX_COPIES),
        ...(sites === undefined ? {} : { sites }),
        ...(spread === undefined ? {} : { spread }),
        ...(lifetime === undefined ? {} : { lifetimeMs: durationOf(lifetime, LIFETIME) }),
        priority,
        ...(dryRun === true ? { dryRun } : {}),
      }
      const explained = await (await cli.client()).rules.add(request, { signal })
      if (io.json) return io.printJson(explained)
      if (dryRun === true) return io.print(explanationText(explained, io))
      io.print(explained.rule.id)
      const { selected, missing, islands } = explained.rule
      io.note(
        `It selects ${selected.datasets} datasets; ${missing.copies} copies are missing, for which ${islands} islands are meant. archipel rules explain ${explained.rule.id}`,
      )
    })
}
