"""Asking: what buttons do. Each leaves a request for the service, as the command line does, and says so."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request as Call
from starlette.responses import Response

from daemon import models
from daemon.errors import PageError
from daemon.pipeline import pausable
from daemon.queue import must_be_stage
from daemon.requests import Request, Wish, ask, only
from daemon.store import Model, Store
from daemon.web.desk import Desk

_OF_CLIPS = (Wish.RETRY, Wish.FIRST, Wish.LAST, Wish.USUAL)
_OF_STAGES = (Wish.PAUSE, Wish.RESUME)
_SAID = {
    Wish.RETRY: "to try {} again",
    Wish.FIRST: "for {} first",
    Wish.LAST: "for {} last",
    Wish.USUAL: "for {} in the usual order",
    Wish.PAUSE: "to pause {}; what is under way ends",
    Wish.RESUME: "to let {} go on",
    Wish.PROMOTE: "to make model {} active, from the next clip on",
    Wish.ROLLBACK: "to roll back the {} model, from the next clip on",
}


@dataclass(frozen=True, slots=True)
class Asking:
    """What may be asked of the service."""

    desk: Desk

    def of_clip(self, call: Call) -> Response:
        """Ask for a clip to be tried again, or moved in the queue."""
        wish, number = _wish(call, _OF_CLIPS), call.path_params["clip"]
        with self.desk.store() as store:
            if not store.has_clip(number):
                raise _unknown(f"clip {number}")
            clip = store.clip(number)
            roll = store.card(clip.card).roll
        return self._ask(call, wish, only(roll, clip.name), f"{roll}/{clip.name}")

    def of_card(self, call: Call) -> Response:
        """Ask for all of a card to be tried again, or moved in the queue."""
        wish, number = _wish(call, _OF_CLIPS), call.path_params["card"]
        with self.desk.store() as store:
            rolls = {card.id: card.roll for card in store.cards()}
        if number not in rolls:
            raise _unknown(f"card {number}")
        return self._ask(call, wish, only(rolls[number]), f"roll {rolls[number]}")

    def of_stage(self, call: Call) -> Response:
        """Ask for a stage to be paused or to go on; `all` lets every one go on."""
        wish, stage = _wish(call, _OF_STAGES), call.path_params["stage"]
        if (stage, wish) == ("all", Wish.RESUME):
            for each in pausable():
                ask(self.desk.config.production_state, Request(wish, each))
            return self._said(call, wish, "everything")
        return self._ask(call, wish, must_be_stage(stage), stage)

    def of_model(self, call: Call) -> Response:
        """Ask for a model to be made active, or the active one to be withdrawn."""
        wish = _wish(call, (Wish.PROMOTE, Wish.ROLLBACK))
        with self.desk.store() as store:
            model = models.named(store, call.path_params["digest"])
            _must_be_in_use(store, model, wish)
        if wish is Wish.PROMOTE:
            return self._ask(call, wish, model.digest, model.digest[:12])
        return self._ask(call, wish, model.size, model.size)

    def _ask(self, call: Call, wish: Wish, subject: str, shown: str) -> Response:
        ask(self.desk.config.production_state, Request(wish, subject))
        return self._said(call, wish, shown)

    def _said(self, call: Call, wish: Wish, shown: str) -> Response:
        status = self.desk.status()
        speaks = status is not None and not self.desk.silent_seconds(status.at)
        when = "taken up at the next turn" if speaks else "it is taken up when nearset runs again"
        return self.desk.bare(call, "said", error=None, said=f"asked {_SAID[wish].format(shown)}: {when}")


def _wish(call: Call, known: tuple[Wish, ...]) -> Wish:
    word = call.path_params["wish"]
    if word not in known:
        raise _unknown(word)
    return Wish(word)


def _must_be_in_use(store: Store, model: Model, wish: Wish) -> None:
    """Refuse to roll back a model that is not active: another one would be withdrawn than the one that was seen."""
    if wish is Wish.ROLLBACK and models.active(store, model.size) != model.digest:
        raise PageError(
            f"model {model.digest[:12]} is not active any more",
            why="another was made active since the page was read",
            fix="look at the page again",
        )


def _unknown(what: str) -> PageError:
    return PageError(f"nothing was asked: {what} is not known", why="no such thing is here", fix="read the page again")
