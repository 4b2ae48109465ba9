/** Commands of the documentation that its tests do not run, each with the reason. */

const INSTALLS = 'installs packages; continuous integration begins with it'
const ROOT_ONLY = 'changes the machine: needs root'
const OTHERS = 'needs a second machine, or a name that leads to this one from outside'
const SPARK = 'needs a Livy with its Spark; run by tests of their own: test/livy'
const ELSEWHERE = 'run by a test of its own: '

export const NOT_RUN: Record<string, string> = {
  'npm ci': INSTALLS,
  'npm ci && npm run demo': `${INSTALLS}; the demo is run by itself`,
  'npm ci && npm test': `${INSTALLS}; and this is a part of it`,
  'npm pack':
    'builds the package, which takes long; continuous integration packs and installs it by hand before a release',
  'npm install --global ./archipel-0.1.0.tgz': ROOT_ONLY,
  'archipel --version': `${ELSEWHERE}test/project`,
  'apt-get install bubblewrap': ROOT_ONLY,
  'archipel completion bash > ~/.local/share/bash-completion/completions/archipel': `${ELSEWHERE}test/cli`,
  'archipel completion zsh > "${fpath[1]}/_archipel"': `${ELSEWHERE}test/cli`,
  'useradd --system --home-dir /var/lib/archipel --create-home archipel': ROOT_ONLY,
  'sudo -u archipel archipel --data-dir /var/lib/archipel join --file ticket.txt --no-up --name grenoble': ROOT_ONLY,
  'systemctl enable --now archipel': ROOT_ONLY,
  'sudo -u archipel archipel --data-dir /var/lib/archipel status': ROOT_ONLY,
  'journalctl -u archipel': ROOT_ONLY,
  'archipel up --listen /ip4/0.0.0.0/tcp/9410 --announce /dns4/island.example.org/tcp/9410': OTHERS,
  'ssh -N -L 9411:127.0.0.1:9411 island.example.org': OTHERS,
  'archipel --island http://127.0.0.1:9411 --token @owner.token status': OTHERS,
  'archipel open': 'opens a browser; run by a test of its own: test/cli',
  'archipel --island https://island.example.org --token @notebook.token datasets': OTHERS,
  'archipel --island https://island.example.org --token @admin.token open --print': OTHERS,
  'archipel run examples/tasks/hot.scala --data bright_stars --param kelvin=25000': SPARK,
  'archipel run examples/tasks/brighter.sql --engine livy --param magnitude=-0.5': SPARK,
  'archipel run examples/tasks/nightly.py --batch --data bright_stars --arg 2.5 --follow': SPARK,
  'archipel run job.jar --class org.example.Job --arg 2026 --executor-memory 4g --conf spark.speculation=true': SPARK,
  'npm run livy:up -- --data /var/lib/archipel': `${ELSEWHERE}test/livy/server.test.ts`,
  'archipel up --set livy.url=http://127.0.0.1:8998': SPARK,
  "archipel rules add --select keyword=survey --copies 2 --sites \"country in ('DE', 'FR') and not label = 'tape'\" --spread country --dry-run":
    'needs islands in two countries; rules are run by test/rules',
  'archipel publish https://data.example.org/survey/stars.parquet': `${ELSEWHERE}test/outside`,
  'archipel publish s3://survey/dr1/ --id dr1 --title "Survey, first release"': `${ELSEWHERE}test/outside`,
  'archipel publish hdfs://namenode.example.org:8020/survey/dr1/': `${ELSEWHERE}test/outside`,
  'archipel publish root://xrootd.example.org//survey/dr1/': `${ELSEWHERE}test/outside`,
  'archipel publish /data/stars.parquet --origin https://data.example.org/survey/stars.parquet': `${ELSEWHERE}test/outside`,
  'archipel publish rclone:observatory:survey/dr1/': `${ELSEWHERE}test/outside`,
  'npm run livy:down': `${ELSEWHERE}test/livy/server.test.ts`,
  'archipel revoke --ticket 1h4bIbrK9m3B': 'the id of a ticket is another one each time',
  'archipel status --quiet > /dev/null || mail -s "island needs attention" operator@example.org': 'sends mail',
}
