"""Close-ups: one clip with its pictures, recipe, history and custody, and the production's model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import basename
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from daemon import modelcard, models, recipe
from daemon.beneath import read_small
from daemon.errors import NearsetError, PageError, RecipeError
from daemon.logbook import lines_of
from daemon.production import Production
from daemon.queue import work_named
from daemon.slate import VerifiedFile
from daemon.stages.landing import roll_folder
from daemon.stages.looks import book_of
from daemon.stages.turnover import clip_of
from daemon.states import STOPPED_STATES, ProxyState
from daemon.store import Card, Clip, Store
from daemon.turnover.report import shown_clip
from daemon.turnover.roll import TurnoverClip
from daemon.web.desk import Desk

_LINES = 60
_LARGEST_STILL = 32 << 20
_JPEG = "image/jpeg"


@dataclass(frozen=True, slots=True)
class CloseUp:
    """Pages of one thing each."""

    desk: Desk

    def clip(self, request: Request) -> Response:
        """Return one clip: pictures, scopes, facts, recipe, revisions, custody, work and log."""
        number = request.path_params["clip"]
        with self.desk.store() as store:
            _must_be_clip(store, number)
            clip = store.clip(number)
            card = store.card(clip.card)
            production, faults = self._production(store)
            handed = _handed(production, card, clip) if clip.essence else None
            return self.desk.page(
                request,
                "clip",
                store,
                clip=clip,
                card=card,
                handed=shown_clip(handed) if handed else None,
                published=handed.published[::-1] if handed else (),
                let_go=handed.let_go if handed else (),
                files=handed.files if handed else _files(store, clip),
                current={proxy.path for proxy in _current(handed)},
                words=production.recipes.explain(clip=clip.name, roll=card.roll),
                faults=faults,
                can_retry=clip.state in STOPPED_STATES,
                why=self._why(card, clip),
                ledger=[(work_named(job), job) for job in store.ledger(clip.id)[::-1]],
                lines=[_line(event) for event in lines_of(self.desk.config.logbook, card.roll, clip.name, _LINES)],
                gone=len(store.proxies(clip.id, state=ProxyState.GONE)),
            )

    def still(self, request: Request) -> Response:
        """Return one of a clip's stills, by its name in the report."""
        number, name = request.path_params["clip"], request.path_params["name"]
        with self.desk.store() as store:
            _must_be_clip(store, number)
            clip = store.clip(number)
            card = store.card(clip.card)
            production, _ = self._production(store)
            pictures = _handed(production, card, clip).pictures if clip.essence else ()
            path = {basename(path): path for path in pictures}.get(name)
            if path is None:
                raise _nothing(f"clip {clip.name} has no still {name}")
            data = read_small(roll_folder(production, card), path, _LARGEST_STILL)
        return Response(data, media_type=_JPEG, headers={"Cache-Control": "private, max-age=3600"})

    def model(self, request: Request) -> Response:
        """Return the production's model: lineage, curves, verdicts."""
        config = self.desk.config
        with self.desk.store() as store:
            shown = modelcard.facts(config, store)
            return self.desk.page(request, "model", store, **(shown | {"size": config.enhance.restore.model}))

    def model_picture(self, request: Request) -> Response:
        """Return the stills of a model: plain, base, its own."""
        with self.desk.store() as store:
            digest = models.named(store, request.path_params["digest"]).digest
        path = self.desk.config.models / f"{digest}.jpg"
        if not path.is_file():
            raise _nothing(f"model {digest[:12]} has no stills")
        return Response(path.read_bytes(), media_type=_JPEG, headers={"Cache-Control": "private, max-age=3600"})

    def _production(self, store: Store) -> tuple[Production, str]:
        """Return the production as a reader has it, and what is wrong with its recipe; empty for nothing."""
        config = self.desk.config
        try:
            book, faults = recipe.load(config.production.recipe, config), ""
        except RecipeError as error:
            book, faults = recipe.load(None, config), str(error.why)
        return Production(config, book, store, book_of(config, store)), faults

    def _why(self, card: Card, clip: Clip) -> str:
        """Return why a clip waits, as the service says."""
        status = self.desk.status()
        cards = [one for one in status.cards if one.path == card.path] if status else []
        return next((one.why for place in cards for one in place.clips if one.name == clip.name), "")


def _handed(production: Production, card: Card, clip: Clip) -> TurnoverClip:
    return clip_of(production, card, clip, production.store.recordings())


def _current(handed: TurnoverClip | None) -> list[Any]:
    if handed is None:
        return []
    twins = dict.fromkeys(proxy.twin for proxy in handed.published)
    return [proxy for twin in twins if (proxy := handed.current(twin))]


def _files(store: Store, clip: Clip) -> tuple[VerifiedFile, ...]:
    known = store.files(clip.card)
    return tuple(known[path] for path in clip.found.files if path in known)


def _line(event: dict[str, Any]) -> dict[str, str]:
    """Return a line of the log: when, how grave, what, and the rest as words."""
    rest = {name: value for name, value in event.items() if name not in {"timestamp", "level", "event", "clip"}}
    if "path" in rest:
        rest["path"] = "/".join(PurePosixPath(str(rest["path"])).parts[-2:])
    said = "  ".join(f"{name}={value}" for name, value in rest.items())
    return {
        "at": str(event.get("timestamp", "")),
        "level": str(event.get("level", "info")),
        "event": str(event.get("event", "")),
        "said": said,
    }


def _must_be_clip(store: Store, number: int) -> None:
    if not store.has_clip(number):
        raise _nothing(f"there is no clip {number}")


def _nothing(what: str) -> NearsetError:
    return PageError(what, why="no such thing is known here", fix="look for it under Clips")
