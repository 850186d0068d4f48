"""A Bugsink for one test: a copy of the prepared database in a directory of its own, on a port that the system chooses.
`serve.py TEMPLATE DIR` prints `listening DSN` and serves until it is ended or its standard input is closed;
`serve.py --events DIR` prints what its database holds, as JSON. Run with the Python that Bugsink is installed for."""

import json
import os
import shutil
import socket
import sqlite3
import sys
import threading


def rows(directory, query):
    with sqlite3.connect(f"file:{directory}/db.sqlite3?mode=ro", uri=True, timeout=20) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(query)]


def events(directory):
    found = rows(directory, "SELECT event_id, data, calculated_type, calculated_value, level, sdk_name FROM events_event ORDER BY project_digest_order")
    for event in found:
        event["data"] = json.loads(event["data"])
    print(json.dumps(found))


def end_with_input(pid):
    while os.read(0, 4096):
        pass
    os.kill(pid, 15)


def serve(template, directory):
    shutil.copytree(template, directory, dirs_exist_ok=True)
    os.chdir(directory)
    key = rows(directory, "SELECT sentry_key FROM projects_project")[0]["sentry_key"]
    # Bound before the port is printed, so that no other process can take it; connections queue until the server runs.
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    listener.set_inheritable(True)
    environment = {**os.environ, "PYTHONPATH": directory, "HOME": directory}
    command = [
        os.path.join(os.path.dirname(sys.executable), "gunicorn"),
        "--bind", f"fd://{listener.fileno()}", "--workers", "1", "--threads", "2",
        "--no-control-socket", "--log-level", "warning", "bugsink.wsgi",
    ]
    server = os.fork()
    if server == 0:
        os.setsid()
        os.dup2(2, 1)
        os.execve(command[0], command, environment)
    threading.Thread(target=end_with_input, args=(server,), daemon=True).start()
    print(f"listening http://{key}@127.0.0.1:{listener.getsockname()[1]}/1", flush=True)
    os.waitpid(server, 0)


if __name__ == "__main__":
    if sys.argv[1] == "--events":
        events(sys.argv[2])
    else:
        serve(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
