import type { TransferCarrier } from '../../../protocols/model/transfer.ts'
import type {
  HaveAnswer,
  RangeItem,
  RangesRequest,
  TableItem,
  TablesRequest,
} from '../../../protocols/transfer/messages.ts'
import type { Pinned } from '../serve/port.ts'

/** A holder that can be asked; each call may fail as a call over the network does. */
export interface RemoteHolder {
  have(pinned: Pinned, signal: AbortSignal): Promise<HaveAnswer>
  tables(request: TablesRequest, signal: AbortSignal): AsyncIterable<TableItem>
  ranges(request: RangesRequest, signal: AbortSignal): AsyncIterable<RangeItem>
  /** How the bytes that were asked for last came. */
  carrier?(): TransferCarrier
}

/** @param files patterns of what will be asked for; none: all */
export type RemoteOf = (island: string, files?: readonly string[]) => RemoteHolder
