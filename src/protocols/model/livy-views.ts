/** Sessions and batches of the Livy endpoint, as people see them. */

/** An entry of the endpoint as people see it: what Livy has no fields for. */
export interface LivyEntryView {
  type: 'session' | 'batch'
  /** Of this endpoint. */
  id: number
  name?: string
  owner: string
  kind?: string
  state: string
  island: { id: string; name: string }
  engine?: 'livy' | 'embedded'
  /** Id at the Livy of that island. */
  remoteId?: number
  why: string
  datasets: { table: string; id: string; version: string }[]
  /** ISO instants. */
  created: string
  ended?: string
  /** Of a session: the statements that are kept, and bytes of each output that is on the disk. */
  statements?: { id: number; state: string; spooledBytes?: number }[]
}

export interface LivyEntryPage {
  items: LivyEntryView[]
  total: number
  /** Path of the endpoint in the web service; absent where web.livy.enabled is off. */
  endpoint?: string
  next?: string
}
