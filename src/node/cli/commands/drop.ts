import type { Command } from 'commander'
import type { DropPlan } from '../../../protocols/model/replica.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { bytes, plural } from '../format.ts'
import type { Io } from '../io.ts'

/** Each replica that would go, who else has it, and what forbids it. */
function printPlan(io: Io, plan: DropPlan): void {
  for (const { version, state, held, bytes: free, holders, rules, refusal } of plan.replicas) {
    io.print(`${clean(plan.dataset)}, version ${version.slice(0, 12)}, ${state}: ${plural(held.files, 'file')}`)
    io.print(`would free ${bytes(free)}`)
    const names = holders.map((h) => (h.confirmed ? h.name : `${h.name} (did not answer)`))
    io.print(`others     ${names.length === 0 ? 'none' : clean(names.join(', '))}`)
    for (const { rule, name, kept, wanted } of rules)
      io.print(`rule       ${clean(rule)} of ${clean(name)} asks for ${wanted} whole ones; there would be ${kept}`)
    io.print(
      refusal === undefined
        ? 'it would go once the others promised to keep theirs'
        : `refused    ${refusal.code}: ${clean(refusal.message)}`,
    )
  }
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .option('--force', 'also when no other island is known to have all of it, or a rule asks for it')
    .option('--dry-run', 'say what would be freed, who else has it, and which rule forbids it')
    .addHelpText(
      'after',
      '\nIt goes once enough other holders promised to keep theirs for a while: one, and as many as rules ask for.\n\nExample:\n  $ archipel drop survey',
    )
    .action(async (ref: string, { force, dryRun }: { force?: boolean; dryRun?: boolean }) => {
      const { io, signal } = cli
      const client = await cli.client()
      if (dryRun) {
        const plan = await client.dropPlan(ref, { signal })
        return io.json ? io.printJson(plan) : printPlan(io, plan)
      }
      const answer = await client.drop(ref, { force }, { signal })
      if (io.json) return io.printJson(answer)
      io.print(`dropped ${clean(answer.id)}, ${bytes(answer.bytes)}`)
    })
}
