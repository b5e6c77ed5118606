#!/usr/bin/env python3
"""A stand-in for systemd where it does not run the machine: reads units as systemd does, keeps their processes, and
refuses what it does not know. State is kept beside this file."""
import os, shlex, shutil, signal, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__)) + "/systemd"
UNITS = "/etc/systemd/system"
KNOWN = {"Type", "User", "WorkingDirectory", "LoadCredential", "ExecStart", "Restart", "RestartSec", "TimeoutStopSec",
         "KillMode", "StandardOutput", "StandardError", "MemoryMax", "TasksMax", "UMask", "ReadWritePaths",
         "SystemCallArchitectures", "CapabilityBoundingSet", "RestrictAddressFamilies", "ProtectSystem", "ProtectHome"}
FLAGS = {"NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectKernelTunables", "ProtectKernelModules",
         "ProtectKernelLogs", "ProtectControlGroups", "ProtectClock", "ProtectHostname", "RestrictSUIDSGID",
         "RestrictRealtime", "RestrictNamespaces", "LockPersonality"}


def refuse(text):
    sys.exit(f"stand-in: {text}")


def unit(name):
    template, instance = name.split("@")
    instance = instance.removesuffix(".service")
    found, section = [], ""
    for line in open(f"{UNITS}/{template}@.service"):
        line = line.strip().replace("%i", instance)
        if line.startswith("["):
            section = line
        elif line and section == "[Service]":
            key, value = line.split("=", 1)
            if key not in KNOWN | FLAGS:
                refuse(f"unknown key {key}")
            if key in FLAGS and value != "yes":
                refuse(f"{key} is {value}")
            found.append((key, value))
    return found


class State:
    def __init__(self, name):
        self.at = f"{HERE}/{name}"

    def get(self, key, other=""):
        try:
            return open(f"{self.at}/{key}").read()
        except FileNotFoundError:
            return other

    def put(self, key, value):
        os.makedirs(self.at, exist_ok=True)
        with open(f"{self.at}/{key}.new", "w") as file:
            file.write(str(value))
        os.rename(f"{self.at}/{key}.new", f"{self.at}/{key}")


def keep(name, state):
    """Runs the service until it is asked to end or has failed too often."""
    said = unit(name)
    one = dict(said)
    credentials = f"{state.at}/credentials"
    shutil.rmtree(credentials, ignore_errors=True)
    os.makedirs(credentials, 0o700)
    for key, value in said:
        if key == "LoadCredential":
            what, path = value.split(":", 1)
            shutil.copy(path, f"{credentials}/{what}")
    restarts = 0
    while True:
        log = open(one["StandardOutput"].removeprefix("append:"), "ab")
        child = subprocess.Popen(shlex.split(one["ExecStart"]), cwd=one["WorkingDirectory"], stdin=subprocess.DEVNULL,
                                 stdout=log, stderr=log, start_new_session=True,
                                 env={"CREDENTIALS_DIRECTORY": credentials, "PATH": "/usr/bin:/bin"})
        state.put("MainPID", child.pid)
        state.put("ActiveState", "active")
        code = child.wait()
        state.put("ExecMainCode", 1 if code >= 0 else 2)
        state.put("ExecMainStatus", abs(code))
        if state.get("asked"):
            state.put("ActiveState", "inactive")
            return
        state.put("Result", "exit-code" if code > 0 else "signal" if code < 0 else "success")
        if code == 0 or restarts == 4:
            state.put("ActiveState", "failed" if code else "inactive")
            return
        state.put("ActiveState", "activating")
        time.sleep(float(one["RestartSec"]))
        restarts += 1
        state.put("NRestarts", restarts)


arguments = [one for one in sys.argv[1:] if one not in ("--quiet", "--no-pager")]
verb, rest = arguments[0], arguments[1:]
if verb == "daemon-reload":
    sys.exit(0)
name = rest[-1]
state = State(name)
if verb == "is-active":
    sys.exit(0 if state.get("ActiveState") == "active" else 3)
elif verb == "start":
    shutil.rmtree(state.at, ignore_errors=True)
    for key, value in (("NRestarts", 0), ("Result", "success"), ("MainPID", 0)):
        state.put(key, value)
    unit(name)
    if os.fork() == 0:
        os.setsid()
        sink = os.open("/dev/null", os.O_RDWR)
        for one in (0, 1, 2):
            os.dup2(sink, one)
        keep(name, state)
        sys.exit(0)
    while state.get("MainPID", "0") == "0":
        time.sleep(0.02)
elif verb == "stop":
    if state.get("ActiveState") in ("active", "activating"):
        state.put("asked", "yes")
        pid = int(state.get("MainPID"))
        ends = time.time() + float(dict(unit(name))["TimeoutStopSec"])
        try:
            os.kill(pid, signal.SIGTERM)
            while state.get("ActiveState") == "active":
                if time.time() > ends:
                    state.put("Result", "timeout")
                    os.killpg(pid, signal.SIGKILL)
                time.sleep(0.02)
        except ProcessLookupError:
            pass
elif verb == "show":
    keys = rest[rest.index("-p") + 1].split(",")
    for key in keys:
        value = state.get(key, {"MemoryMax": "infinity", "ControlGroup": ""}.get(key, ""))
        print(value if "--value" in rest else f"{key}={value}")
elif verb in ("enable", "disable"):
    (state.put("enabled", "yes") if verb == "enable" else os.path.exists(f"{state.at}/enabled") and os.remove(f"{state.at}/enabled"))
elif verb == "reset-failed":
    if state.get("ActiveState") == "failed":
        state.put("ActiveState", "inactive")
else:
    refuse(f"unknown verb {verb}")
