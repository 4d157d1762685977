"""Sending: the work side of notices, in a child that may connect to their destinations and to nothing else."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from daemon import wire
from daemon.destinations import label
from daemon.errors import NotTold
from daemon.worker import Progress

STAGE = "notify"


@dataclass(frozen=True, slots=True)
class Sending:
    """A message and the URL that it goes to; never kept, since the URL holds a secret."""

    url: str
    title: str
    body: str


def work(task_text: str, progress: Progress) -> str:
    """Send a message and return nothing.

    Raises:
        NotTold: the service cannot be reached, or did not take it. EgressError: it led elsewhere than the table says.
    """
    import apprise  # noqa: PLC0415 - in the child alone

    del progress
    task = wire.load(Sending, task_text)
    asset = apprise.AppriseAsset(app_id="nearset", app_desc="nearset", app_url="", secure_logging=True)
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:  # type: ignore[no-untyped-call]
        way = apprise.Apprise.instantiate(task.url, asset=asset)
        taken = way is not None and way.notify(body=task.body, title=task.title, body_format=apprise.NotifyFormat.TEXT)
        why = " ".join(said.getvalue().split())
    if not taken:
        raise NotTold(
            f"{label(task.url)} did not take the notification",
            why=why or "its URL is not complete",
            fix="check the URL and the service: `nearset notify --test`",
        )
    return ""
