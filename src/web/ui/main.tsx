/** The page: an app of the browser over the web service of one island. */
import './styles/page.css'
import { render } from 'preact'
import { App } from './app.tsx'
import { startCatalog } from './state/catalog.ts'
import { startConnection } from './state/connection.ts'
import { startIslands } from './state/islands.ts'
import { startRouter } from './state/router.ts'
import { startSession } from './state/session.ts'
import { startTasks } from './state/tasks.ts'
import { startTheme } from './state/theme.ts'

startTheme()
startRouter()
startConnection()
startIslands()
startCatalog()
startTasks()
render(<App />, document.getElementById('page')!)
startSession()
