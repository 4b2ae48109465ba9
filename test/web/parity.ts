/**
 * Where the functions of the web service, the client library and the command line differ by name, with the reason. A
 * function is named by its route; `taskShow` is `tasks.show` of the library and `task show` at the command line.
 */

/** Functions of the service that no command has by its name, and what does the same. */
export const OTHER_COMMAND: Record<string, { command: string | undefined; reason: string }> = {
  health: { command: 'status', reason: 'for orchestrators; a person asks how the island is' },
  ready: { command: 'status', reason: 'for orchestrators; a person asks how the island is' },
  metrics: { command: undefined, reason: 'for Prometheus; a person asks for the status' },
  dataset: { command: 'show', reason: 'a verb, beside `datasets`' },
  metadata: { command: 'show', reason: 'a format of what is shown: show --format' },
  versions: { command: 'show', reason: 'show --versions: more of what is shown' },
  update: { command: 'publish', reason: 'publish --update: the same words and options' },
  getPlan: { command: 'get', reason: 'get --dry-run: what would be moved' },
  dropPlan: { command: 'drop', reason: 'drop --dry-run: what would be freed, and what forbids it' },
  subscriptionsCreate: { command: 'subscribe', reason: 'a verb, as publish and get' },
  subscriptionsPlan: { command: 'subscribe', reason: 'subscribe --dry-run: what it would begin with' },
  taskList: { command: 'tasks', reason: 'as islands, datasets: what is listed is in the plural' },
  taskSubmit: { command: 'run', reason: 'a person runs and waits; run --detach leaves the task to itself' },
  taskPlace: { command: 'run', reason: 'run --dry-run: the placement of what would be run' },
  taskWatch: { command: 'task result', reason: 'run, and task result --wait, follow the task to its end' },
  taskRows: { command: 'task result', reason: 'one command prints or saves a result, whatever its form' },
  taskRead: { command: 'task result', reason: 'one command prints or saves a result, whatever its form' },
  taskTable: { command: 'task result', reason: 'one command prints or saves a result, whatever its form' },
  mainPut: { command: 'run', reason: 'run uploads the JAR or Python file that it is given' },
  statementCreate: { command: 'session run', reason: 'a statement belongs to its session; run waits for its end' },
  statementShow: {
    command: 'session run',
    reason: 'run waits for its statement and shows it; those of other programs are for the service',
  },
  statementList: { command: 'session show', reason: 'a session is shown with its statements' },
  statementCancel: {
    command: 'session run',
    reason: 'Ctrl-C cancels the statement that run waits for; those of other programs are for the service',
  },
  events: { command: 'datasets', reason: 'datasets --follow: changes of what a filter finds' },
  openapi: { command: undefined, reason: 'for programs; the document is in config/openapi.json, too' },
  signInCode: { command: 'open', reason: 'the code is part of the link that open prints' },
  browserSignIn: { command: undefined, reason: 'for the page of the island: a command has a token, not a cookie' },
  browserSession: { command: undefined, reason: 'for the page of the island: a command has a token, not a cookie' },
  browserSignOut: { command: undefined, reason: 'for the page of the island: a command has a token, not a cookie' },
}

/** Commands that no function of the service has by its name. */
export const OTHER_FUNCTION: Record<string, { functions: string[]; reason: string }> = {
  create: { functions: [], reason: 'makes what the service belongs to: no island runs yet' },
  join: { functions: [], reason: 'makes what the service belongs to: no island runs yet' },
  up: { functions: [], reason: 'starts the service' },
  dev: { functions: [], reason: 'starts the services of a temporary archipelago' },
  completion: { functions: [], reason: 'of the shell' },
  show: { functions: ['dataset', 'metadata', 'versions'], reason: 'a verb, beside `datasets`' },
  subscribe: { functions: ['subscriptionsCreate', 'subscriptionsPlan'], reason: 'a verb, as publish and get' },
  run: { functions: ['taskSubmit', 'taskWatch', 'taskRows'], reason: 'from the submission to the rows' },
  'session run': {
    functions: ['statementCreate', 'statementShow', 'statementCancel'],
    reason: 'from the code to what came out',
  },
  tasks: { functions: ['taskList'], reason: 'as islands, datasets: what is listed is in the plural' },
  'task result': { functions: ['taskRows', 'taskRead', 'taskTable'], reason: 'prints or saves, whatever the form' },
  open: { functions: ['signInCode'], reason: 'opens the page with the code' },
}

/** What the library has beside the functions of the service. */
export const LIBRARY_ONLY: Record<string, string> = {
  close: 'ends the calls and connections of this program',
  'tasks.run': 'taskSubmit, taskWatch and taskRows in one',
}
