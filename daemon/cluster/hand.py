"""What runs on a node: a warden that speaks for the machine, and a hand for each child there. Actors of Ray.

A hand has one child of this machine, closed in as any (`children.py`), and passes tasks to it and answers back. The
head's paths become this machine's on the way, and what a try stages lies in a folder of that try alone: should this
node be given up and live on, it writes where nobody looks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import ray

from daemon import wire
from daemon.children import OwnChild, spawned
from daemon.cluster import facts, freight, nodefile
from daemon.cluster.mapping import Paths
from daemon.cluster.nodefile import NodeFile
from daemon.cluster.raylet import NODE_FILE
from daemon.errors import RootAway, WorkerDied
from daemon.ground import Ground, Marks, marks
from daemon.publish import make_folders
from daemon.publish import replace as write_whole
from daemon.purge import destroy
from daemon.worker import Limits
from engines.errors import NearsetError

_RAYS_OWN = ("OMP_NUM_THREADS",)
"""What Ray sets for its tasks, and a child that uses all cores must not have."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a hand must know of a production; paths are the head's."""

    production: str
    lane: str
    state: str
    limits: Limits


class Warden:
    """Speaks for a node: what it is, whether it takes work, what it holds of a production."""

    def __init__(self) -> None:
        self._file = _node()

    def versions(self) -> dict[str, str]:
        """Return its versions; plain words, so that other versions can read them."""
        return asdict(facts.versions())

    def standing(self, production: str) -> dict[str, object]:
        """Return its name, lanes, and whether it drains and takes a production."""
        file = self._file
        return {
            "name": file.name,
            "lanes": {"custody": file.lanes.custody, "render": file.lanes.render},
            "draining": file.draining.exists(),
            "takes": production in file.productions,
        }

    def stand(self, production: str, state: str, why: str, fix: str) -> None:
        """Take how the head sees this node, for its own log and whoever looks here."""
        path = self._file.standing
        told = json.loads(path.read_bytes()) if path.is_file() else {}
        told[production] = {"state": state, "why": why, "fix": fix}
        write_whole(f"{json.dumps(told, indent=1)}\n".encode(), path, path.parent)

    def means(self) -> str:
        """Return its means as JSON; the first time since it joined takes seconds, whichever production asks."""
        path = self._file.means
        if not path.is_file():
            write_whole(wire.dump(facts.Means, facts.asked()).encode(), path, path.parent)
        return path.read_text(encoding="utf-8")

    def purge(self, production: str) -> list[dict[str, object]]:
        """Destroy what is here of a production's state, and return what that was."""
        home = self._file.home(production)
        return [asdict(it) for it in destroy(home)] if home.exists() else []


class Hand:
    """Serves one lane of one production with one child."""

    def __init__(self, hello: str) -> None:
        for word in _RAYS_OWN:
            os.environ.pop(word, None)
        self._hello = wire.load(Hello, hello)
        self._file = _node()
        if self._hello.production not in self._file.productions:
            raise PermissionError(f"{self._file.name} does not take {self._hello.production}")
        self._home = self._file.home(self._hello.production)
        self._child: OwnChild | None = None
        self._marks: Marks = ()

    def work(self, request: str, carried: Mapping[str, str], refs: Mapping[str, ray.ObjectRef[bytes]]) -> Iterator[str]:
        """Yield what the child says of a task, as JSON, its answer last; `refs` hold what is carried, by digest."""
        said: dict[str, str] = json.loads(request)
        yield json.dumps({"kind": "progress", "done": 0, "total": 0})  # it is begun: what kills this node now may be it
        paths = self._places
        try:
            freight.lay(self._home, carried, lambda digest: ray.get(refs[digest]))
            task = self._fenced(said["task"], said["token"])
            before = freight.made_here(self._home)
            child = self._ready()
        except NearsetError as error:
            yield _told(error.code, error.what, error.why, error.fix)
            return
        except OSError as error:
            why = f"{error.strerror or error} ({error.filename})"
            fix = "see that the shared volumes are mounted there as `shared` in its node file says"
            yield _told(RootAway.code, f"{self._file.name} cannot work", why, fix)
            return
        try:
            child.pipe.send_bytes(json.dumps({"stage": said["stage"], "task": task}).encode())
            while (answer := json.loads(child.pipe.recv_bytes()))["kind"] == "progress":
                yield json.dumps(answer)
        except (EOFError, OSError):
            self._child, why = None, child.end(dying=True)
            fix = "it is tried again; if it repeats, look at the clip and at memory"
            yield _told(WorkerDied.code, f"{said['stage']} on {self._file.name} ended without an answer", why, fix)
            return
        if answer["kind"] == "result":
            for path, data in freight.made_since(self._home, before).items():
                yield json.dumps({"kind": "made", "path": path, "latin": data.decode("latin-1")})
            answer["result"] = paths.there(answer["result"])
        yield json.dumps(answer)

    def _ready(self) -> OwnChild:
        """Return a child on the ground that is there now."""
        limits, places = self._hello.limits, self._places
        if limits.ground:
            reads, writes = (tuple(map(places.path, them)) for them in (limits.ground.reads, limits.ground.writes))
            for folder in map(Path, writes):
                if folder.is_relative_to(self._home):
                    make_folders(folder, mode=0o700)  # what is not there when a child starts stays closed to it
            limits = replace(limits, ground=Ground(reads, writes))
        now = marks(limits.ground)
        if self._child and self._marks != now:
            self._child.end()
            self._child = None
        self._child, self._marks = self._child or spawned(self._hello.lane, limits), now
        return self._child

    @property
    def _places(self) -> Paths:
        """Where the head's folders are here."""
        return Paths((*self._file.shared.items(), (self._hello.state, str(self._home))))

    def _fenced(self, task: str, token: str) -> str:
        """Return a task with paths of here; what it stages goes into a folder of this try alone, which is made.

        Raises:
            OSError: what it lies in, which the head made, is not there; nothing is made where a volume should be.
        """
        said = json.loads(self._places.here(task))
        if staging := said.get("staging"):
            said["staging"] = f"{staging}/{token}"
            Path(said["staging"]).mkdir(exist_ok=True)
        return json.dumps(said)


def _node() -> NodeFile:
    return nodefile.load(Path(os.environ[NODE_FILE]))


def _told(code: str, what: str, why: str, fix: str) -> str:
    return json.dumps({"kind": "error", "code": code, "what": what, "why": why, "fix": fix})
