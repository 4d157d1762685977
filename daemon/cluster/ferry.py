"""The ferry: a process beside the control process that alone speaks Ray. Tasks go over it to hands, answers come back.

Should Ray end it, as Ray does with whoever loses the head, that costs the jobs under way on nodes and nothing else: the
control process keeps it up. It holds no truth: which machines there are it tells in a file, which job is whose is the
database's to know.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import sys
import time
from dataclasses import dataclass, field
from dataclasses import replace as replace_in
from pathlib import Path
from typing import Any

import ray

from daemon import wire
from daemon.berths import Node, NodeState
from daemon.cluster import driver, facts, freight
from daemon.cluster.hand import Hand, Hello, Warden
from daemon.cluster.nodefile import NodeFile
from daemon.cluster.reaching import note_holder
from daemon.config import Config
from daemon.errors import DeliveryError, WorkerDied, WorkersAway
from daemon.lanes import RENDER
from daemon.log import configure, get
from daemon.publish import replace
from daemon.worker import Limits, die_with_parent

_LOOK_SECONDS, _WARDEN_SECONDS = 1.0, 60.0
_AGAIN_SECONDS = 15.0
"""Before a node that could not be asked, or failed a hand, is tried again."""
_WITHOUT_VOLUMES = frozenset({"root.away", "clip.file_missing", "delivery"})
"""What a node says whose volumes are not mounted, or not as the head's are."""
_LONGEST_WORD = 64 << 20
_ROOT = Path("/")


@dataclass(slots=True)
class Machine:
    """A node as the ferry knows it."""

    id: str
    told: Node
    warden: Any = None
    has: facts.Means | None = None
    again: float = 0.0
    asking: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Ferry:
    """Knows the nodes, and carries for one production."""

    config: Config
    hand: type
    machines: dict[str, Machine] = field(default_factory=dict)
    _refs: dict[str, Any] = field(default_factory=dict)
    _told: str = ""

    async def look(self, roster: Path) -> None:
        """Look which nodes there are, ask new ones, and tell of a change."""
        alive = await asyncio.to_thread(driver.alive)
        for gone in self.machines.keys() - alive:
            self._lose(gone)
        for id_ in alive:
            machine = self.machines.setdefault(id_, Machine(id_, Node(id_[:8], NodeState.REFUSED, "it is being asked")))
            if machine.again <= time.monotonic() and (machine.asking is None or machine.asking.done()):
                machine.asking = asyncio.create_task(self._ask(machine))
        told = json.dumps([json.loads(wire.dump(Node, machine.told)) for machine in self.machines.values()], indent=1)
        if told != self._told:
            await asyncio.to_thread(replace, f"{told}\n".encode(), roster, roster.parent)
            self._told = told

    def _lose(self, id_: str) -> None:
        """Note that a node is away; one that never said what it is is forgotten."""
        machine = self.machines[id_]
        if machine.told.name == id_[:8]:
            del self.machines[id_]
            return
        if machine.told.state == NodeState.AWAY:
            return
        get().warning("node.away", node=machine.told.name)
        fix = "jobs that it had are tried elsewhere; look at the machine and its network, it joins again by itself"
        machine.told = Node(machine.told.name, NodeState.AWAY, "the cluster lost it", fix, machine.told.gpu)
        machine.warden = machine.has = None

    async def _ask(self, machine: Machine) -> None:
        """Ask a node what it is and whether it takes work, and keep what it says."""
        before, name = machine.told, machine.told.name
        try:
            machine.told = await asyncio.wait_for(self._standing(machine), _WARDEN_SECONDS)
            machine.again = time.monotonic() + _LOOK_SECONDS
        except Exception as error:  # noqa: BLE001 - whatever Ray or an older version says: the node gets no work
            why = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
            machine.told = Node(
                name, NodeState.REFUSED, f"it could not be asked: {why[:300]}", "see its log; it is asked again"
            )
            machine.warden, machine.again = None, time.monotonic() + _AGAIN_SECONDS
        if (machine.told.state, machine.told.why) != (before.state, before.why):
            get().info("node.stands", node=machine.told.name, state=machine.told.state, why=machine.told.why)
            if machine.warden:  # nobody waits for that word
                it = machine.told
                machine.warden.stand.remote(self.config.production.code, it.state, it.why, it.fix)
        for older in [it for it in self.machines.values() if it.told.name == machine.told.name and it is not machine]:
            if older.told.state == NodeState.AWAY:
                del self.machines[older.id]  # it came back under a new number

    async def _standing(self, machine: Machine) -> Node:
        if machine.warden is None:
            machine.warden = driver.actor(Warden, machine.id)
        standing = await machine.warden.standing.remote(self.config.production.code)
        name = str(standing["name"])
        if apart := facts.differs(facts.versions(), facts.Versions(**await machine.warden.versions.remote())):
            return Node(
                name,
                NodeState.REFUSED,
                f"other versions: {apart}",
                "install the head's versions there, then join again",
            )
        if not standing["takes"]:
            fix = f"add {self.config.production.code} to `productions` of its node file, if it may come there"
            return _refused(name, "its node file does not name this production", fix)
        if not self.config.cluster.allows(name):
            return Node(
                name, NodeState.REFUSED, "this production does not name it", "add it to `cluster.nodes`, if it may"
            )
        machine.has = machine.has or wire.load(facts.Means, await machine.warden.means.remote())
        lanes, why = dict(standing["lanes"]), facts.unfit_for_render(self.config, machine.has)
        lanes[RENDER] = 0 if why else lanes[RENDER]
        told = f"it does not render: {why}" if why else ""
        fix = "see `nearset doctor` there" if why else ""
        state = NodeState.DRAINING if standing["draining"] else NodeState.AT_WORK
        return Node(name, state, told, fix, machine.has.gpu, tuple(sorted(lanes.items())))

    async def line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a line: who opens it names node and lane, and has a hand there until it closes."""
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            word = json.loads(await _read(reader))
            machine = next((it for it in self.machines.values() if it.told.name == word["node"]), None)
            if machine is None or machine.told.state is not NodeState.AT_WORK:
                said = json.loads(await _read(reader))  # the control process had not read of it yet
                await _write(writer, _lost(said["stage"], word["node"], "it is not at work", begun=False))
                return
            hello = Hello(
                self.config.production.code,
                word["lane"],
                str(self.config.production_state),
                wire.load(Limits, word["limits"]),
            )
            try:
                note_holder(self.config.production_state, machine.told.name)  # one line at a time: all write that file
            except DeliveryError as error:
                get().warning("node.not_noted", node=machine.told.name, why=error.why, fix=error.fix)
                return  # nothing goes where a purge would not look
            hand = driver.actor(self.hand, machine.id, wire.dump(Hello, hello))
            try:
                await self._serve(reader, writer, hand, machine)
            finally:
                ray.kill(hand)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hand: Any, machine: Machine
    ) -> None:
        store = freight.Store(self.config.production_state)
        coming = asyncio.create_task(_read(reader))
        while True:
            request = (await coming).decode()
            coming = asyncio.create_task(_read(reader))  # of the next one, or of the line's end
            carrying = asyncio.create_task(self._carry(writer, hand, store, request, machine))
            await asyncio.wait({coming, carrying}, return_when=asyncio.FIRST_COMPLETED)
            if coming.done() and coming.exception():
                carrying.cancel()
                return
            if not await carrying:
                coming.cancel()
                return

    async def _carry(
        self, writer: asyncio.StreamWriter, hand: Any, store: freight.Store, request: str, machine: Machine
    ) -> bool:
        """Carry a request to its hand and what it says back; return whether the hand is still good."""
        said = json.loads(request)
        carried = store.freight_of(said["task"])
        refs = {digest: self._ref(store, path, digest) for path, digest in carried.items()}
        begun = False
        try:
            async for ref in hand.work.options(num_returns="streaming").remote(request, carried, refs):
                answer, begun = json.loads(await ref), True
                if answer["kind"] == "made":
                    freight.take(store.state, answer["path"], answer["latin"].encode("latin-1"))
                else:
                    self._weigh(machine, answer)
                    await _write(writer, json.dumps(answer).encode())
        except ray.exceptions.RayError as error:
            why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            self._rest(machine, f"it lost a job: {why}", "it is asked again; if it repeats, look at the machine")
            await _write(writer, _lost(said["stage"], machine.told.name, why, begun=begun))
            return False
        return True

    def _weigh(self, machine: Machine, answer: dict[str, Any]) -> None:
        """Let a node rest that does not find what is on the shared volumes; the head tries what it could not do."""
        if answer["kind"] != "error" or answer["code"] not in _WITHOUT_VOLUMES:
            return
        fix = "see that the shared volumes are mounted there as `shared` in its node file says; it is asked again"
        self._rest(machine, f"it does not find what is there: {answer['why']}", fix)

    def _rest(self, machine: Machine, why: str, fix: str) -> None:
        """Give a node nothing more for a while, unless it is known to be away."""
        if machine.told.state is not NodeState.AWAY:
            machine.told = replace_in(machine.told, state=NodeState.REFUSED, why=why, fix=fix)
            machine.again = time.monotonic() + _AGAIN_SECONDS
            get().warning("node.stands", node=machine.told.name, state=NodeState.REFUSED, why=why)

    def _ref(self, store: freight.Store, path: str, digest: str) -> Any:
        if digest not in self._refs and (data := store.data(path, digest)) is not None:
            self._refs[digest] = ray.put(data)
        return self._refs.get(digest)


def _refused(name: str, why: str, fix: str) -> Node:
    return Node(name, NodeState.REFUSED, why, fix)


def _lost(stage: str, node: str, why: str, *, begun: bool) -> bytes:
    """Return the answer of a hand that gave none; what it had not begun is no fault of the clip."""
    code, what = (WorkerDied.code, "ended without an answer") if begun else (WorkersAway.code, "was not begun")
    fix = "it is tried again, elsewhere where there is another; `nearset cluster status` shows the nodes"
    return json.dumps(
        {"kind": "error", "code": code, "what": f"{stage} on {node} {what}", "why": why, "fix": fix}
    ).encode()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Read a message as multiprocessing's Connection frames it. Source: multiprocessing/connection.py, _send_bytes."""
    (size,) = struct.unpack("!i", await reader.readexactly(4))
    if not 0 <= size <= _LONGEST_WORD:
        raise ConnectionError(f"a message of {size} bytes")
    return await reader.readexactly(size)


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(struct.pack("!i", len(data)) + data)
    await writer.drain()


async def carry(config: Config, hand: type, address: Path, roster: Path) -> None:
    """Carry until the process ends."""
    ferry = Ferry(config, hand)
    async with await asyncio.start_unix_server(ferry.line, address):  # in a folder that nobody else may enter
        while True:
            await ferry.look(roster)
            await asyncio.sleep(_LOOK_SECONDS)


def main(hand: type = Hand) -> None:
    """Run the ferry: SOCKET ROSTER PARENT; the configuration and the head's node file as JSON at its standard input."""
    address, roster, parent = sys.argv[1:]
    die_with_parent(int(parent))
    said = json.load(sys.stdin.buffer)
    config = Config.model_validate(said["config"], context=_ROOT)
    head = NodeFile.model_validate(said["head"], context=_ROOT)
    configure(config.log.level, config.log.format)
    driver.begin(head, config.production.code)
    asyncio.run(carry(config, hand, Path(address), Path(roster)))


if __name__ == "__main__":
    main()
