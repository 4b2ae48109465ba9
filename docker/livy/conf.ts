/** The configuration of a server on loopback with small drivers, as files of one folder. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface ConfInit {
  /** Everything of this server stands below it. */
  runDir: string
  port: number
  /** Folders whose files sessions and batches may read and name. */
  dataDirs: string[]
  /** More lines of `livy.conf`; they win. */
  livy?: Record<string, string>
  /** More lines of `spark-defaults.conf`; they win. */
  spark?: Record<string, string>
}

/** Small work of short life: a session starts in half the time, and a second core is left for others. */
export const QUICK_JAVA = '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC'

/** Of the server. */
const LOG4J = `log4j.rootCategory=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n
log4j.logger.org.eclipse.jetty=WARN
`

/** Of drivers: what a program prints is not among hundreds of lines of Spark's own. */
const DRIVER_LOG4J = `rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
`

/** Writes `conf/` and the folders that it names. */
export async function writeConf(init: ConfInit): Promise<void> {
  const { runDir, port, dataDirs } = init
  const folder = (name: string) => join(runDir, name)
  for (const name of ['conf', 'logs', 'staging', 'tmp', 'work']) await mkdir(folder(name), { recursive: true })
  const livy = {
    'livy.server.host': '127.0.0.1',
    'livy.server.port': String(port),
    'livy.spark.master': 'local[2]',
    // Uploads are staged here; a local folder has to be on the list, too.
    'livy.session.staging-dir': folder('staging'),
    'livy.file.local-dir-whitelist': [...dataDirs, folder('staging')].join(','),
    'livy.repl.enable-hive-context': 'false',
    // Every driver listens on one of them; Livy's own range of 11 ports is shared by all its servers on a machine.
    // Else the drivers call back to the address of the machine.
    'livy.rsc.rpc.server.address': '127.0.0.1',
    'livy.rsc.launcher.port.range': '20000~29999',
    ...init.livy,
  }
  const spark = {
    'spark.driver.bindAddress': '127.0.0.1',
    'spark.driver.host': '127.0.0.1',
    'spark.driver.memory': '512m',
    'spark.driver.extraJavaOptions': QUICK_JAVA,
    'spark.ui.enabled': 'false',
    'spark.sql.shuffle.partitions': '4',
    'spark.sql.warehouse.dir': folder('warehouse'),
    'spark.local.dir': folder('tmp'),
    ...init.spark,
  }
  await writeFile(join(folder('conf'), 'livy.conf'), lines(livy, ' = '))
  await writeFile(join(folder('conf'), 'spark-defaults.conf'), lines(spark, ' '))
  await writeFile(join(folder('conf'), 'log4j.properties'), LOG4J)
  await writeFile(join(folder('conf'), 'log4j2.properties'), DRIVER_LOG4J)
}

const lines = (entries: Record<string, string>, between: string) =>
  Object.entries(entries)
    .map(([key, value]) => `${key}${between}${value}\n`)
    .join('')
