/** The rooms of the page, in the order of the navigation. A further one needs an entry here and its path in `server/page.ts`. */
import type { ComponentType } from 'preact'
import { DatasetsRoom } from './datasets/datasets-room.tsx'
import { EditorRoom } from './editor/editor-room.tsx'
import { IslandsRoom } from './islands/islands-room.tsx'
import { TasksRoom } from './tasks/tasks-room.tsx'

export interface Room {
  /** First segment of its paths. */
  path: string
  title: string
  /** @param rest the decoded segments after the first */
  view: ComponentType<{ rest: string[] }>
}

export const ROOMS: Room[] = [
  { path: 'islands', title: 'Islands', view: IslandsRoom },
  { path: 'datasets', title: 'Datasets', view: DatasetsRoom },
  { path: 'editor', title: 'Editor', view: EditorRoom },
  { path: 'tasks', title: 'Tasks', view: TasksRoom },
]

export const START = 'islands'

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** The room of a path and what follows it there; undefined where there is none. */
export function roomAt(path: string): { room: Room; rest: string[] } | undefined {
  const [first = '', ...rest] = path.split('/').filter((segment) => segment !== '')
  const room = ROOMS.find((r) => r.path === (first || START))
  return room && { room, rest: rest.map(decoded) }
}
