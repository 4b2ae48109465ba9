"""A session and a batch of pylivy; prints what came of them as JSON."""
import json
import os
import sys

from livy import LivyBatch, LivySession, SessionKind
from livy.client import LivyClient

given = json.loads(sys.argv[1])
url = os.environ["LIVY_URL"]
auth = (os.environ["LIVY_USER"], os.environ["LIVY_PASSWORD"]) if os.environ.get("LIVY_PASSWORD") else None
came = {}

client = LivyClient(url, auth)
came["version"] = str(client.server_version())
with LivySession.create(url, auth=auth, kind=SessionKind.PYSPARK, spark_conf=given["conf"], echo=False) as session:
    came["sum"] = session.run("1 + 2").text
    session.run(given["code"])
    came["rows"] = session.download("shown").to_dict("records")
    failed = LivySession(url, session.session_id, auth, check=False, echo=False).run("1 / 0")
    came["error"] = [failed.ename, failed.evalue]
    came["listed"] = session.session_id in [one.session_id for one in client.list_sessions()]
    came["statements"] = [one.state.value for one in client.list_statements(session.session_id)]
came["gone"] = client.get_session(session.session_id) is None

batch = LivyBatch.create(url, auth=auth, file=given["file"], args=given["args"], spark_conf=given["conf"])
came["batch"] = batch.wait().value
came["log"] = batch.log()
batch.kill()
client.close()
json.dump(came, sys.stdout)
