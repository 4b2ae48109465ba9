/** All commands, in the order of the help. Each module is loaded when its command is called. */
import type { CommandModule } from './context.ts'

export interface CommandEntry {
  name: string
  summary: string
  load(): Promise<CommandModule>
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'create',
    summary: 'make an archipelago, with this island as its first',
    load: () => import('./commands/create.ts'),
  },
  { name: 'join', summary: 'join an archipelago with a ticket, and stay up', load: () => import('./commands/join.ts') },
  { name: 'up', summary: 'run the island of this data directory', load: () => import('./commands/up.ts') },
  {
    name: 'status',
    summary: 'say how the island is, what is wrong, and what to do',
    load: () => import('./commands/status.ts'),
  },
  {
    name: 'islands',
    summary: 'list all islands, with state and what they offer',
    load: () => import('./commands/islands.ts'),
  },
  {
    name: 'invite',
    summary: 'make a ticket with which another island may join',
    load: () => import('./commands/invite.ts'),
  },
  { name: 'pardon', summary: 'end the quarantine of an island', load: () => import('./commands/pardon.ts') },
  { name: 'revoke', summary: 'revoke a member or a ticket', load: () => import('./commands/revoke.ts') },
  { name: 'leave', summary: 'withdraw this island from its archipelago', load: () => import('./commands/leave.ts') },
  { name: 'publish', summary: 'publish a file or folder, by reference', load: () => import('./commands/publish.ts') },
  { name: 'unpublish', summary: 'withdraw a dataset', load: () => import('./commands/unpublish.ts') },
  { name: 'datasets', summary: 'search the datasets of all islands', load: () => import('./commands/datasets.ts') },
  { name: 'show', summary: 'show a dataset', load: () => import('./commands/show.ts') },
  { name: 'diff', summary: 'compare two versions of a dataset', load: () => import('./commands/diff.ts') },
  { name: 'files', summary: 'list the files of a dataset', load: () => import('./commands/files.ts') },
  { name: 'read', summary: 'print a file of a dataset, or bytes of it', load: () => import('./commands/read.ts') },
  {
    name: 'url',
    summary: 'print an address of a file for tools that can send no token',
    load: () => import('./commands/url.ts'),
  },
  { name: 'preview', summary: 'show the first rows of a dataset', load: () => import('./commands/preview.ts') },
  { name: 'resolve', summary: 'find the islands that hold a dataset', load: () => import('./commands/resolve.ts') },
  { name: 'get', summary: 'fetch a dataset, or files of it, to this island', load: () => import('./commands/get.ts') },
  {
    name: 'transfers',
    summary: 'list, show, pause, resume and cancel transfers',
    load: () => import('./commands/transfers.ts'),
  },
  {
    name: 'verify',
    summary: 'read the files of a dataset that are here, and compare them',
    load: () => import('./commands/verify.ts'),
  },
  {
    name: 'replicate',
    summary: 'ask another island to hold a dataset',
    load: () => import('./commands/replicate.ts'),
  },
  {
    name: 'requests',
    summary: 'list, show and cancel requests to hold data, of this island and to it',
    load: () => import('./commands/requests.ts'),
  },
  {
    name: 'subscribe',
    summary: 'fetch all datasets that a filter finds, as they appear',
    load: () => import('./commands/subscribe.ts'),
  },
  {
    name: 'subscriptions',
    summary: 'list, show, explain, pause, resume and remove subscriptions',
    load: () => import('./commands/subscriptions.ts'),
  },
  {
    name: 'replicas',
    summary: 'list the replicas that are here',
    load: () => import('./commands/replicas.ts'),
  },
  {
    name: 'follow',
    summary: 'fetch new versions of a replica as they are published',
    load: () => import('./commands/follow.ts'),
  },
  { name: 'pin', summary: 'keep the replica that is here, as it is', load: () => import('./commands/pin.ts') },
  { name: 'drop', summary: 'delete the replica that is here', load: () => import('./commands/drop.ts') },
  {
    name: 'rules',
    summary: 'keep copies of datasets at islands, and see how that stands',
    load: () => import('./commands/rules.ts'),
  },
  { name: 'sql', summary: 'run a SELECT where its datasets are', load: () => import('./commands/sql.ts') },
  { name: 'run', summary: 'run code or a JAR where its data are', load: () => import('./commands/run.ts') },
  {
    name: 'actions',
    summary: 'keep, share and run named pieces of work',
    load: () => import('./commands/actions.ts'),
  },
  { name: 'tasks', summary: 'list tasks, and what became of them', load: () => import('./commands/tasks.ts') },
  {
    name: 'task',
    summary: 'show a task, its log or result; cancel or retry it',
    load: () => import('./commands/task.ts'),
  },
  {
    name: 'token',
    summary: 'make, list and revoke tokens of programs and browsers',
    load: () => import('./commands/token.ts'),
  },
  {
    name: 'open',
    summary: 'open the page of the island in a browser, signed in',
    load: () => import('./commands/open.ts'),
  },
  {
    name: 'session',
    summary: 'work step by step in the engine of this island',
    load: () => import('./commands/session.ts'),
  },
  { name: 'livy', summary: 'show what runs for the Livy endpoint', load: () => import('./commands/livy.ts') },
  {
    name: 'journal',
    summary: 'show who did what, when, with what result',
    load: () => import('./commands/journal.ts'),
  },
  { name: 'dev', summary: 'run a temporary archipelago on this machine', load: () => import('./commands/dev.ts') },
  {
    name: 'config',
    summary: 'show the settings in effect and where they come from',
    load: () => import('./commands/config.ts'),
  },
  {
    name: 'completion',
    summary: 'print the completion script of a shell',
    load: () => import('./commands/completion.ts'),
  },
]
