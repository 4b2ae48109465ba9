/**
 * The parts of the database. A number is never given to something else: what a retired one held may still be on a disk.
 * Keys and values are bytes; "text" is UTF-8; a log is the island id of its origin; integers are big-endian, so that the
 * order of bytes is the order of numbers.
 */
export const BUCKETS = {
  /** `version` -> `STORE_VERSION` as decimal text. */
  meta: '01',
  /** log -> CBOR of a `StoredLog`. */
  logs: '02',
  /** log, 0, generation (4), epoch (8), seq (8) -> a signed record, as received. */
  records: '03',
  /** log, 0, generation (4), kind, 0, id -> epoch (8), seq (8), 1 for a withdrawal or 0 (1): where its current record is. */
  current: '04',
  /** SHA-256 of a member record, hex -> the record: what membership is derived from besides the logs. */
  facts: '05',
  /** log, 0, epoch (8), seq (8) -> a record that the origin's newest head has lost, kept for the origin. */
  orphans: '06',
  /** time and counter, text -> JSON: the journal of this island. */
  journal: '16',
  /** dataset id -> JSON: what this island publishes, and where the files are. */
  publications: '17',
  /** dataset id, or folder of a replica, 0, hash (hex) -> a page of the manifest. */
  manifests: '18',
  /** ticket id -> JSON: invitations given out here. */
  tickets: '19',
  /** task id -> JSON: tasks asked for or run here. */
  tasks: '20',
  /** a name -> JSON: small facts of single parts. */
  state: '21',
  /** hash of caller, route and idempotency key -> JSON: what the web service answered. */
  answers: '22',
  /** `session` or `batch`, /, mark -> JSON: what this island made at its Livy. */
  livySite: '24',
  /** name -> JSON: actions that were saved here. */
  actions: '25',
  /** `entry/`, `last/`, `owed/`: sessions and batches of the Livy endpoint; `held/`: those that run here -> JSON. */
  livy: '23',
  /** SHA-256 of a piece table, hex -> the table: of files published or fetched here that have more than one piece. */
  tables: '30',
  /** transfer id -> JSON: what is or was fetched here. */
  transfers: '31',
  /** folder -> JSON: replicas of other islands' datasets. */
  replicas: '32',
  /** version, publisher, dataset and island, with spaces between -> JSON: until when a copy is kept, as promised to that island. */
  promises: '38',
  /** folder of a replica, 0, path -> "p" and bits of the pieces that are there, or "d" and JSON of the whole file's identity. */
  replicaFiles: '33',
  /** `one/`, id: subscriptions; `met/`, id, /, publisher, /, dataset id: what became of each dataset -> JSON. */
  subscriptions: '36',
  /** `incoming` or `outgoing`, /, island, /, id -> JSON: requests to hold data, of others and to others. */
  replicaRequests: '37',
} as const

export type BucketName = keyof typeof BUCKETS

/** Raised when what is stored changes its meaning; older and newer islands then refuse the directory. */
export const STORE_VERSION = 1
