import { decodeRecord } from '../../protocols/record/envelope.ts'
import { comparePositions } from '../../protocols/record/position.ts'
import type { Context } from './context.ts'
import type { StoreChange } from './port.ts'
import type { LogTable } from './table.ts'

/** Forgets withdrawals older than `tombstoneMs`. Who was away for longer gets whole logs. */
export async function purgeWithdrawals(context: Context, table: LogTable): Promise<void> {
  const oldest = context.clock.now() - context.tombstoneMs
  for (const { origin } of [...table.all()]) {
    if (context.stopping.aborted) return
    await table.locked(origin, async () => {
      const state = table.get(origin)
      if (state === undefined) return
      const changes: StoreChange[] = []
      let horizon = state.horizon
      for await (const chunk of context.store.withdrawals(origin, state.generation)) {
        for (const bytes of chunk) {
          const { epoch, seq, kind, id, time } = decodeRecord(bytes)
          if (time >= oldest) continue
          const position = { epoch, seq }
          changes.push({ type: 'remove', log: origin, generation: state.generation, position, forget: { kind, id } })
          if (comparePositions(position, horizon) > 0) horizon = position
        }
      }
      if (changes.length > 0) await table.commit({ ...state, horizon }, changes)
    })
  }
}
