import { Task } from './task.tsx'
import { TaskList } from './task-list.tsx'

/** `/tasks` lists, `/tasks/{id}` shows one: an address that stays. */
export function TasksRoom({ rest }: { rest: string[] }) {
  return rest[0] === undefined ? <TaskList /> : <Task key={rest[0]} id={rest[0]} />
}
