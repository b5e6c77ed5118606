"""Tells cgo what Ansible does: one line of JSON for each thing that happens.

Results arrive here as Ansible lets callbacks see them, so what `no_log` keeps back is not in them.
"""

import json
import sys

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: cgo_events
type: stdout
short_description: what happens, for cgo
description: One line of JSON for each thing that happens.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "cgo_events"

    def _tell(self, event, **more):
        line = json.dumps({"cgo": event, **more}, default=str)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def _ended(self, how, result):
        told = getattr(result, "result", None) or result._result
        host = getattr(result, "host", None) or result._host
        task = getattr(result, "task", None) or result._task
        if told.get("_ansible_no_log") or "censored" in told:
            message = "what it says is kept back by no_log"
        else:
            words = [told.get(key) for key in ("msg", "stderr", "module_stderr")]
            if how in ("failed", "ignored"):
                words += [" / ".join(str(told.get("stdout") or "").splitlines()[-5:])]
            items = told.get("results")
            if isinstance(items, list):
                failed = [item for item in items if isinstance(item, dict) and item.get("failed")]
                words += [
                    item.get("msg") for item in failed if not (item.get("_ansible_no_log") or "censored" in item)
                ]
            message = "; ".join(dict.fromkeys(str(word).strip() for word in words if word))
        self._tell(how, host=host.get_name(), task=task.get_name(), message=message[:2000])

    def v2_playbook_on_play_start(self, play):
        self._tell("play", name=play.get_name())

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._tell("task", name=task.get_name())

    def v2_playbook_on_handler_task_start(self, task):
        self._tell("task", name=task.get_name())

    def v2_runner_on_ok(self, result):
        told = getattr(result, "result", None) or result._result
        self._ended("changed" if told.get("changed") else "ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._ended("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result):
        self._ended("unreachable", result)

    def v2_runner_on_skipped(self, result):
        self._ended("skipped", result)

    def v2_playbook_on_stats(self, stats):
        self._tell("stats", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})
