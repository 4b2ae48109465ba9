import type { Finding } from '../../protocols/model/views.ts'

/** What the findings are derived from: plain facts, gathered by the composition root. */
export interface StatusFacts {
  members: number
  connected: number
  relayed: number
  reachable: boolean | 'unknown'
  announces: boolean
  /** All announced addresses are loopback ones. */
  loopbackOnly: boolean
  relayReservations: number
  /** Milliseconds that the peers' clocks are ahead of ours; undefined without peers. */
  skewMs: number | undefined
  maxClockSkewMs: number
  engine: {
    kind: string
    state: 'ready' | 'down'
    sandbox: boolean
    reason?: string
    sandboxReason?: string
    /** Languages that are not there, and why. */
    missing?: { python?: string; r?: string }
    /** Whether the configuration names somebody whose programs run here. */
    forwarded?: { python: boolean; r: boolean }
  }
  /** Of the Livy that the configuration names. */
  livy?: { state: 'ready' | 'down'; reason?: string }
  disk: { freeBytes: number; totalBytes: number }
  /** What results and logs take, and may take. */
  results: { bytes: number; totalBytes: number }
  quarantined: string[]
  selfQuarantined: boolean
  selfRevoked: boolean
  recovering: boolean
  /** `catalog.enabled` is false. */
  catalogOff: boolean
  /** How often the own log had to be taken over from peers since the start. */
  recoveries: number
  /** Names of islands that seem to run twice. */
  twins: string[]
  staleDatasets: string[]
  /** Published by the catalog, but the files behind them are not known here any more: the store was lost. */
  lostDatasets: string[]
  /** Subscriptions that a problem paused. */
  pausedSubscriptions: { id: string; message: string }[]
}

/** Below either the disk counts as nearly full. */
const LOW_DISK_BYTES = 1024 ** 3
const LOW_DISK_FRACTION = 0.05
/** Of the room for results. */
const RESULTS_FRACTION = 0.8
const RESULTS_FULL_FRACTION = 0.95
/** One recovery follows a lost store; more of them mean that somebody else writes this log, too. */
const RECOVERIES_WORTH_A_WORD = 2
/** A skew that is worth a word long before records are held back. */
const SKEW_WORTH_A_WORD_MS = 30_000

/** What is wrong, in words, and what to do; the most serious first. One `OK` entry when nothing is. */
export function findings(facts: StatusFacts): Finding[] {
  const all = [
    revoked(facts),
    forked(facts),
    keyInUse(facts),
    recovering(facts),
    catalogOff(facts),
    peers(facts),
    reachable(facts),
    skew(facts),
    engine(facts),
    livy(facts),
    sandbox(facts),
    languages(facts),
    disk(facts),
    results(facts),
    stale(facts),
    lost(facts),
    subscriptions(facts),
    others(facts),
  ].flatMap((f) => f ?? [])
  if (all.length === 0) return [{ code: 'OK', severity: 'ok', message: 'Nothing is wrong.', remedy: '' }]
  return all.sort((a, b) => weight(b) - weight(a))
}

const weight = (f: Finding) => (f.severity === 'error' ? 2 : f.severity === 'warning' ? 1 : 0)

function revoked(f: StatusFacts): Finding | undefined {
  if (!f.selfRevoked) return undefined
  return {
    code: 'MEMBER_REVOKED',
    severity: 'error',
    message: 'This island was revoked: nobody speaks with it any more.',
    remedy: 'Ask an administrator why. To come back: `archipel leave`, then join with a new ticket.',
  }
}

function forked(f: StatusFacts): Finding | undefined {
  if (!f.selfQuarantined) return undefined
  return {
    code: 'FORKED',
    severity: 'error',
    message: 'Others hold two different histories signed by this island: it is in quarantine.',
    remedy:
      'Make sure that no second island runs with a copy of this key, then ask an administrator to end the quarantine.',
  }
}

function keyInUse(f: StatusFacts): Finding | undefined {
  if (f.twins.length > 0) {
    return {
      code: 'KEY_IN_USE',
      severity: 'warning',
      message: `Two processes seem to run with the key of ${f.twins.join(', ')}.`,
      remedy:
        'Tell its operator to stop the second one; an administrator can revoke the island: `archipel revoke <island>`.',
    }
  }
  if (f.recoveries < RECOVERIES_WORTH_A_WORD) return undefined
  return {
    code: 'KEY_IN_USE',
    severity: 'error',
    message: `Since its start this island had to take its own log back from peers ${f.recoveries} times: another process writes with the same key.`,
    remedy:
      'Find the second island with a copy of this data directory and stop it; a new island joins with a ticket of its own.',
  }
}

function recovering(f: StatusFacts): Finding | undefined {
  if (!f.recovering || f.catalogOff) return undefined
  return {
    code: 'RECOVERING',
    severity: 'warning',
    message: 'The own log is being compared with what peers know of it; nothing new is sent until then.',
    remedy: 'Wait until a peer is connected.',
  }
}

function catalogOff(f: StatusFacts): Finding | undefined {
  if (!f.catalogOff || f.members <= 1) return undefined
  return {
    code: 'CATALOG_OFF',
    severity: 'ok',
    message: 'catalog.enabled is false: this island does not exchange its catalog with others.',
    remedy: 'Datasets of others are found by their ids alone; set catalog.enabled to true for more.',
  }
}

function peers(f: StatusFacts): Finding | undefined {
  if (f.connected > 0) return undefined
  if (f.members <= 1)
    return {
      code: 'ALONE',
      severity: 'ok',
      message: 'This island is the only member.',
      remedy: 'Invite another: `archipel invite`.',
    }
  return {
    code: 'NO_PEERS',
    severity: 'error',
    message: `None of the ${f.members - 1} other members is connected.`,
    remedy:
      'Check this machine’s network and firewall, and whether the others run; `archipel islands` shows when each was last seen.',
  }
}

function reachable(f: StatusFacts): Finding | undefined {
  if (f.reachable === true) return undefined
  if (!f.announces) {
    if (f.members <= 1) return undefined
    if (f.relayReservations > 0)
      return {
        code: 'RELAYED',
        severity: 'ok',
        message: 'Others reach this island through a relay.',
        remedy: 'For a direct way set network.listen and network.announce.',
      }
    return {
      code: 'NOT_REACHABLE',
      severity: 'warning',
      message: 'This island has no address that others could dial, and no relay yet.',
      remedy: 'Set network.listen and network.announce, or wait until a member that relays is connected.',
    }
  }
  if (f.loopbackOnly)
    return {
      code: 'LOOPBACK_ONLY',
      severity: f.members > 1 && f.connected > 0 ? 'ok' : 'warning',
      message: 'Only programs on this machine can reach this island: it listens on loopback.',
      remedy:
        'To be reached from outside, set network.listen to /ip4/0.0.0.0/tcp/9410 and network.announce to this site’s public address.',
    }
  if (f.reachable === false)
    return {
      code: 'NOT_REACHABLE',
      severity: 'warning',
      message: 'Peers tried the announced addresses and could not connect.',
      remedy:
        'Open the port in the firewall and check network.announce; until then others reach this island over connections it opened.',
    }
  return undefined
}

function skew(f: StatusFacts): Finding | undefined {
  if (f.skewMs === undefined || Math.abs(f.skewMs) < SKEW_WORTH_A_WORD_MS) return undefined
  const seconds = Math.round(Math.abs(f.skewMs) / 1000)
  return {
    code: 'CLOCK_SKEW',
    severity: Math.abs(f.skewMs) > f.maxClockSkewMs ? 'error' : 'warning',
    message: `The clock of this machine is ${seconds} s ${f.skewMs > 0 ? 'behind' : 'ahead of'} those of its peers.`,
    remedy: 'Set the clock, best by NTP; others hold records back that seem to come from the future.',
  }
}

function engine(f: StatusFacts): Finding | undefined {
  if (f.engine.kind === 'disabled' || f.engine.state === 'ready') return undefined
  return {
    code: 'ENGINE_DOWN',
    severity: 'error',
    message: `The ${f.engine.kind} engine is down${f.engine.reason === undefined ? '' : `: ${f.engine.reason}`}.`,
    remedy: 'Look at the island’s log, then restart it; set engine.kind to disabled for an island that runs nothing.',
  }
}

function livy(f: StatusFacts): Finding | undefined {
  if (f.livy === undefined || f.livy.state === 'ready') return undefined
  return {
    code: 'LIVY_DOWN',
    severity: 'error',
    message: `Livy is down${f.livy.reason === undefined ? '' : `: ${f.livy.reason}`}.`,
    remedy:
      'Start Livy, or correct livy.url, livy.ca and what proves to it who asks (livy.user, livy.token); this island connects again by itself.',
  }
}

const PROGRAMS = [
  ['python', 'Python'],
  ['r', 'R'],
] as const

/** Languages whose forwarded programs the configuration allows. */
const allowed = (f: StatusFacts) => PROGRAMS.filter(([kind]) => f.engine.forwarded?.[kind] === true)

function sandbox(f: StatusFacts): Finding | undefined {
  if (f.engine.kind !== 'embedded' || f.engine.sandbox) return undefined
  const why = f.engine.sandboxReason === undefined ? '' : ` (${f.engine.sandboxReason})`
  const named = allowed(f).map(([, name]) => name)
  if (named.length === 0)
    return {
      code: 'NO_SANDBOX',
      severity: 'warning',
      message: `Work runs without an operating-system sandbox${why}.`,
      remedy:
        'Install bubblewrap (bwrap) and allow user namespaces; without it SQL is still limited to published data, and programs of other islands are refused.',
    }
  return {
    code: 'NO_SANDBOX',
    severity: 'error',
    message: `The configuration allows forwarded ${named.join(' and ')} programs, but there is no operating-system sandbox${why}: all of them are refused.`,
    remedy:
      'Install bubblewrap (bwrap) and allow user namespaces, or empty policy.forwarded.python and policy.forwarded.r.',
  }
}

function languages(f: StatusFacts): Finding | undefined {
  if (f.engine.kind !== 'embedded' || f.engine.state !== 'ready') return undefined
  const absent = allowed(f).filter(([kind]) => f.engine.missing?.[kind] !== undefined)
  if (absent.length === 0) return undefined
  const why = absent.map(([kind, name]) => `${name} (${f.engine.missing?.[kind]})`).join(', ')
  return {
    code: 'LANGUAGE_MISSING',
    severity: 'warning',
    message: `The configuration allows forwarded programs in languages that this machine does not run: ${why}.`,
    remedy: 'Install it, or name it: engine.python and engine.r take a command or a path; then restart the island.',
  }
}

function disk(f: StatusFacts): Finding | undefined {
  if (f.disk.freeBytes >= LOW_DISK_BYTES && f.disk.freeBytes >= f.disk.totalBytes * LOW_DISK_FRACTION) return undefined
  return {
    code: 'DISK_NEARLY_FULL',
    severity: f.disk.freeBytes < LOW_DISK_BYTES / 8 ? 'error' : 'warning',
    message: `Only ${(f.disk.freeBytes / 1024 ** 3).toFixed(1)} GiB are free on the disk of the data directory.`,
    remedy: 'Free some space, or move the data directory to another disk.',
  }
}

function results({ results: { bytes, totalBytes } }: StatusFacts): Finding | undefined {
  if (bytes < totalBytes * RESULTS_FRACTION) return undefined
  return {
    code: 'RESULTS_NEARLY_FULL',
    severity: bytes > totalBytes * RESULTS_FULL_FRACTION ? 'error' : 'warning',
    message: `The results kept take ${Math.floor((bytes / totalBytes) * 100)} % of their room; when it is full, no task gives a result.`,
    remedy:
      'Raise tasks.resultsBytes, or lower tasks.resultDays so that old results go sooner; then restart the island.',
  }
}

function stale(f: StatusFacts): Finding | undefined {
  if (f.staleDatasets.length === 0) return undefined
  return {
    code: 'STALE',
    severity: 'warning',
    message: `The source files of ${f.staleDatasets.slice(0, 5).join(', ')}${f.staleDatasets.length > 5 ? ' and others' : ''} changed after publishing.`,
    remedy: 'Publish them again, or put the files back.',
  }
}

function lost(f: StatusFacts): Finding | undefined {
  if (f.lostDatasets.length === 0) return undefined
  return {
    code: 'NOT_HELD',
    severity: 'warning',
    message: `The files of ${f.lostDatasets.slice(0, 5).join(', ')}${f.lostDatasets.length > 5 ? ' and others' : ''} are not known here any more: the store was lost or restored.`,
    remedy: 'Publish them again under the same ids, or unpublish them.',
  }
}

function subscriptions(f: StatusFacts): Finding | undefined {
  const first = f.pausedSubscriptions[0]
  if (first === undefined) return undefined
  return {
    code: 'SUBSCRIPTION_PAUSED',
    severity: 'warning',
    message: `Paused because they could not go on: ${f.pausedSubscriptions.length} of the subscriptions; ${first.id}: ${first.message}.`,
    remedy: 'Make room (archipel drop, replicas.quotaBytes), then: archipel subscriptions resume <id>.',
  }
}

function others(f: StatusFacts): Finding | undefined {
  if (f.quarantined.length === 0) return undefined
  return {
    code: 'QUARANTINE',
    severity: 'warning',
    message: `In quarantine for two different histories: ${f.quarantined.join(', ')}.`,
    remedy: 'An administrator finds out why, then runs `archipel pardon <island>` or `archipel revoke <island>`.',
  }
}
