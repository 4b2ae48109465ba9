/** Settings of what runs work: the built-in engine, and an Apache Livy. */
import { z } from 'zod'
import { livyUrlFault } from './livy-endpoint.ts'
import { about, bytes, DAY_MS, GiB, MiB, ms } from './parts.ts'

export const engine = z.strictObject({
  kind: z
    .enum(['embedded', 'disabled'])
    .default('embedded')
    .describe(
      'What runs work here: the built-in engine (SQL, and Python and R where the machine has them), or nothing.',
    ),
  python: z
    .string()
    .max(4096)
    .default('python3')
    .describe('The Python of programs: a command, or a path, e.g. of a virtual environment; "none" for none.'),
  r: z.string().max(4096).default('Rscript').describe('The Rscript of programs: a command or a path; "none" for none.'),
  memoryBytes: bytes(128 * MiB, 1024 * GiB)
    .default(GiB)
    .describe('Bytes of memory of one session.')
    .register(about, { unit: 'bytes' }),
  statementMs: ms(100, DAY_MS)
    .default(60_000)
    .describe('Milliseconds that one statement may take.')
    .register(about, { unit: 'ms' }),
  cpuMs: ms(100, 10 * DAY_MS)
    .default(120_000)
    .describe('Milliseconds of CPU time of one session.')
    .register(about, { unit: 'ms' }),
  resultRows: z.int().min(1).max(1_000_000_000).default(1_000_000).describe('Rows of one result.'),
  resultBytes: bytes(1024, 1024 * GiB)
    .default(256 * MiB)
    .describe('Bytes of one result: its table, texts, images and files together.')
    .register(about, { unit: 'bytes' }),
  scratchBytes: bytes(MiB, 1024 * GiB)
    .default(256 * MiB)
    .describe('Bytes of files that a program may have at a time; in a sandbox they are held in memory.')
    .register(about, { unit: 'bytes' }),
  outputBytes: bytes(1024, 1024 * GiB)
    .default(64 * MiB)
    .describe('Bytes that one statement of a program may print; beyond that it is ended.')
    .register(about, { unit: 'bytes' }),
  processes: z.int().min(1).max(100_000).default(64).describe('Processes of one program, itself among them.'),
  threads: z.int().min(1).max(1024).default(2).describe('Threads of one session.'),
  sessions: z.int().min(1).max(1024).default(4).describe('Sessions at a time; each is a process.'),
  queue: z.int().min(0).max(10_000).default(32).describe('Statements that may wait for a session; more are refused.'),
  sandbox: z
    .enum(['auto', 'required', 'off'])
    .default('auto')
    .describe('Run sessions in a sandbox of the operating system: where there is one, always, or never.'),
})

const pair = (what: string) =>
  z
    .string()
    .max(8192)
    .regex(/^[^=\s][^=]*=.+$/s, `write it as ${what}`)

const livyFields = z.strictObject({
  url: z
    .string()
    .max(2048)
    .superRefine((text, { addIssue }) => {
      const message = livyUrlFault(text)
      // What stands before an @ may be a password.
      if (message !== undefined) addIssue({ code: 'custom', message, params: { secret: text.includes('@') } })
    })
    .optional()
    .describe('The Apache Livy of this island, e.g. http://127.0.0.1:8998; without one it has no Spark.'),
  user: z.string().min(1).max(256).optional().describe('User of HTTP Basic authentication at Livy.'),
  password: z
    .string()
    .max(4096)
    .optional()
    .describe('Password of livy.user; @ and a path reads it from a file.')
    .register(about, { secret: true }),
  header: z
    .string()
    .max(256)
    .regex(/^[A-Za-z0-9-]+$/, 'not the name of a header')
    .default('Authorization')
    .describe('Header that carries livy.token.'),
  token: z
    .string()
    .max(8192)
    .optional()
    .describe('Value of livy.header, e.g. "Bearer ..."; @ and a path reads it from a file.')
    .register(about, { secret: true }),
  ca: z
    .string()
    .max(4096)
    .optional()
    .describe('File with the certificate (PEM) of the authority that signed that of Livy, where no public one did.'),
  locations: z
    .array(pair('/data=hdfs://namenode/data'))
    .max(1000)
    .default([])
    .describe(
      'Where Spark finds the files of this island: <folder here, or place of outside.sources>=<the same for Spark>; other files are read as file:.',
    ),
  conf: z
    .array(pair('spark.executor.memory=4g'))
    .max(1000)
    .default([])
    .describe('Spark settings of every session and batch: <key>=<value>; those that are asked for win.'),
  proxyUsers: z
    .array(pair('ana=ana_unix'))
    .max(10_000)
    .default([])
    .describe(
      'As whom Livy runs the work of a user: <user>=<proxy user>; user is the name of a token, user@island id for work of others, * for everybody else.',
    ),
  languages: z
    .array(z.enum(['sql', 'python', 'r', 'scala', 'jar']))
    .max(5)
    .default(['sql', 'python', 'scala', 'jar'])
    .describe('What this Spark runs for tasks; r where SparkR is installed.'),
  sessions: z
    .int()
    .min(1)
    .max(10_000)
    .default(8)
    .describe(
      'Sessions and batches of this island at Livy at a time; a Livy as it comes has ports for about ten (livy.rsc.launcher.port.range).',
    ),
  taskSessions: z.int().min(1).max(1024).default(4).describe('Of these, those of tasks.'),
  queue: z.int().min(0).max(10_000).default(32).describe('Tasks that may wait for a session of Spark.'),
  spare: z
    .int()
    .min(0)
    .max(100)
    .default(0)
    .describe(
      'Sessions for tasks that are kept started once Spark is in use: each saves its start, and holds its memory.',
    ),
  idleMs: ms(0, 30 * DAY_MS)
    .default(3_600_000)
    .describe('Milliseconds after which a session at Livy that nobody uses is ended; 0 leaves that to Livy.')
    .register(about, { unit: 'ms' }),
  statementMs: ms(100, 30 * DAY_MS)
    .default(3_600_000)
    .describe('Milliseconds that one statement or batch of a task may take on Spark.')
    .register(about, { unit: 'ms' }),
  resultRows: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(100_000)
    .describe('Rows of the result of one task on Spark; they pass through the memory of its driver.'),
  timeoutMs: ms(1000, 3_600_000)
    .default(60_000)
    .describe('Milliseconds without an answer after which Livy counts as down.')
    .register(about, { unit: 'ms' }),
  staging: z
    .string()
    .max(4096)
    .optional()
    .describe(
      'Folder for the main files of batches, which Spark has to read (livy.locations, livy.file.local-dir-whitelist). By default one in the data directory.',
    ),
})

export const livy = livyFields.refine(({ user, password }) => password === undefined || user !== undefined, {
  path: ['password'],
  message: 'livy.password needs livy.user',
})
