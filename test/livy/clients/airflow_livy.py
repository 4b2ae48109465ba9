"""The hook, the operator and the deferrable operator with its trigger, of Airflow's Livy provider; prints what came of them as JSON."""
import asyncio
import json
import sys

from airflow.exceptions import AirflowException, TaskDeferred
from airflow.providers.apache.livy.hooks.livy import LivyHook
from airflow.providers.apache.livy.operators.livy import LivyOperator

given = json.loads(sys.argv[1])
came = {"logs": {}}


class Pushed(dict):
    """What stands for the instance of a task: it takes what an operator has to tell."""

    def xcom_push(self, key, value):
        self[key] = value


def defer(name, **options):
    """The trigger runs as the triggerer runs it; the operator then goes on with its event."""
    operator = LivyOperator(task_id=name, polling_interval=1, deferrable=True, **options)
    pushed = Pushed()
    try:
        operator.execute({"ti": pushed})
    except TaskDeferred as deferred:

        async def first():
            async for event in deferred.trigger.run():
                return event.payload

        event = asyncio.run(first())
        came["logs"][name] = event["log_lines"]
        return operator.execute_complete({"ti": pushed}, event), pushed
    raise AssertionError("it did not defer")


hook = LivyHook()
# Numbers as text, as templates make them.
batch = hook.post_batch(file=given["file"], args=given["args"], conf=given["conf"], **given["numbers"])
came["state"] = hook.get_batch_state(batch).value

operator = LivyOperator(task_id="polling", file=given["file"], args=given["args"], conf=given["conf"], polling_interval=1)
pushed = Pushed()
came["operator"] = [operator.execute({"ti": pushed}), "app_id" in pushed]

came["deferred"], pushed = defer("deferred", file=given["file"], args=given["args"], conf=given["conf"])
came["pushed"] = list(pushed)
try:
    defer("failing", file=given["bad"], conf=given["conf"])
except AirflowException as error:
    came["failed"] = str(error)

came["hook"] = hook.get_batch_state(batch).value
came["lines"] = []
while page := hook.get_batch_logs(batch, len(came["lines"]), 100)["log"]:
    came["lines"] += page
came["deleted"] = hook.delete_batch(batch)
json.dump(came, sys.stdout)
