import { replicaRecordId } from '../../protocols/model/dataset.ts'
import type { Replica } from './port.ts'

/** All replicas that are here, in memory, found without looking through all of them. */
export interface KnownReplicas {
  all(): Replica[]
  get(folder: string): Replica | undefined
  /** In place of what was known of its folder. */
  set(replica: Replica): void
  delete(folder: string): void
  /** Of what this publisher says under this id, whatever version. */
  ofClaim(publisher: string, id: string): Replica[]
  /** Under this id or alias, whoever publishes it. */
  under(id: string): Replica[]
}

export function knownReplicas(): KnownReplicas {
  const byFolder = new Map<string, Replica>()
  const claims = index()
  const names = index()

  function unlist(replica: Replica | undefined): void {
    if (replica === undefined) return
    claims.remove(claimOf(replica), replica.folder)
    for (const name of namesOf(replica)) names.remove(name, replica.folder)
  }

  const found = (folders: Iterable<string>) => [...folders].flatMap((folder) => byFolder.get(folder) ?? [])

  return {
    all: () => [...byFolder.values()],
    get: (folder) => byFolder.get(folder),
    set(replica) {
      unlist(byFolder.get(replica.folder))
      byFolder.set(replica.folder, replica)
      claims.add(claimOf(replica), replica.folder)
      for (const name of namesOf(replica)) names.add(name, replica.folder)
    },
    delete(folder) {
      unlist(byFolder.get(folder))
      byFolder.delete(folder)
    },
    ofClaim: (publisher, id) => found(claims.of(replicaRecordId(publisher, id))),
    under: (id) => found(names.of(id)),
  }
}

const claimOf = ({ publisher, id }: Replica) => replicaRecordId(publisher, id)
const namesOf = ({ id, body }: Replica) => new Set([id, ...(body?.aliases ?? [])])

/** Folders by a key. */
function index() {
  const folders = new Map<string, Set<string>>()
  return {
    of: (key: string): Iterable<string> => folders.get(key) ?? [],
    add(key: string, folder: string): void {
      const set = folders.get(key)
      if (set === undefined) folders.set(key, new Set([folder]))
      else set.add(folder)
    },
    remove(key: string, folder: string): void {
      const set = folders.get(key)
      set?.delete(folder)
      if (set?.size === 0) folders.delete(key)
    },
  }
}
