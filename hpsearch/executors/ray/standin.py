"""Stands in for an agent of Ray. A node is not up before its two agents, which take seconds to load.

    python -I -S standin.py PORTS COMMAND...

COMMAND is the agent's. PORTS, with commas between them, name what it would listen to; the node waits for a file with
the number of each. `-1` says that nothing listens there, as the agent of a Ray without extras does. The agent that
makes environments must be there for tasks that ask for one. None of ours does, but an objective may use Ray too. So
this process listens in its place, and at the first call becomes that agent.

It is a script of its own and imports no more than it needs, so that it is up at once.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from pathlib import Path

_ASKED = "runtime_env_agent_port"
_ASKED_OPTION = "--runtime-env-agent-port="
_LOOK_S = 1.0


def main() -> None:
    """Stand in until the node has ended, or until somebody calls."""
    node, ports, command = os.getppid(), sys.argv[1].split(","), sys.argv[2:]
    listening = _listening(_value(command, "--node-ip-address=")) if _ASKED in ports else None
    for name in ports:
        number = listening.getsockname()[1] if listening is not None and name == _ASKED else -1
        _write(Path(_value(command, "--session-dir="), f"{name}_{_value(command, '--node-id=')}"), str(number))
    while os.getppid() == node:
        if select.select([] if listening is None else [listening], [], [], _LOOK_S)[0] and listening is not None:
            number = listening.getsockname()[1]
            listening.close()  # the node calls again until it is answered
            own = [f"{_ASKED_OPTION}{number}" if word.startswith(_ASKED_OPTION) else word for word in command]
            os.execv(own[0], own)  # noqa: S606 - Ray's own command


def _value(command: list[str], option: str) -> str:
    return next(word.removeprefix(option) for word in command if word.startswith(option))


def _listening(address: str) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM)[0]
    opened = socket.socket(family, kind, protocol)
    opened.bind(place)
    opened.listen()
    return opened


def _write(path: Path, text: str) -> None:
    """Write a file that appears whole: the node reads it as soon as it is there."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="ascii")
    temporary.replace(path)


if __name__ == "__main__":
    main()
