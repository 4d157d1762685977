"""The model card: one page on the production's model. What it learned from, its curves, verdicts and pictures.

Reads the database and the models folder; the page loads nothing from anywhere.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from daemon import models, wire
from daemon.config import Config
from daemon.slate import Refined
from daemon.states import ModelState
from daemon.store import Model, Store
from engines.model.topology import RELIGHT

_WIDTH, _HEIGHT = 180, 34
"""Of a curve, in pixels."""
_CHART_WIDTH, _CHART_HEIGHT = 1128, 150
"""Of the chart of gains, in pixels."""
_MOST_LABELS = 20
"""Bars of a chart beyond which labels would run into each other."""


def entries(store: Store) -> list[dict[str, Any]]:
    """Return every model as plain values, oldest first."""
    rolls = {card.id: card.roll for card in store.cards()}
    return [_entry(model, rolls[model.card]) for model in store.models()]


def _entry(model: Model, roll: str) -> dict[str, Any]:
    refined = wire.load(Refined, model.facts)
    return {
        "digest": model.digest,
        "size": model.size,
        "state": str(model.state),
        "parent": model.parent or "base",
        "roll": roll,
        "made_at": model.made_at,
        "gain_db": round(models.gain_db(model), 2),
        "scores": {name: round(value, 4) for name, value in refined.scores.items()},
        "reasons": list(refined.reasons),
        "steps": refined.steps,
        "seconds": refined.seconds,
    }


def told(folder: Path, store: Store, model: Model) -> dict[str, Any]:
    """Return one model as plain values, with its lineage, None where that is gone."""
    lineage = folder / f"{model.digest}.json"
    (entry,) = (entry for entry in entries(store) if entry["digest"] == model.digest)
    return entry | {"lineage": json.loads(lineage.read_text(encoding="utf-8")) if lineage.exists() else None}


def page(config: Config, store: Store) -> str:
    """Return the page's HTML."""
    loader = PackageLoader("daemon", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    shown = facts(config, store)
    for model in shown["models"]:
        model["picture"] = _inline(model["picture"]) if model["picture"] else ""
    return environment.get_template("modelcard.html").render(shown)


def facts(config: Config, store: Store) -> dict[str, Any]:
    """Return what is shown; gains are those of networks, which looks and rooms have none of.

    `picture` is the path of a model's stills, None where there are none.
    """
    shown = [_shown(config, entry, model) for entry, model in zip(entries(store), store.models(), strict=True)]
    networks = [model for model in shown if "base_mean_db" in model["scores"] and model["size"] != RELIGHT]
    rolls = {card.id: card.roll for card in store.cards()}
    samples = store.samples()
    return {
        "production": config.production,
        "training": config.production.training,
        "exclude": config.model.exclude,
        "models": shown[::-1],
        "active": next((model for model in networks if model["state"] == ModelState.ACTIVE), None),
        "chart": _chart(networks),
        "cards": [
            {
                "roll": rolls[card],
                "learned": sum(x.card == card and not x.holdout for x in samples),
                "held_out": sum(x.card == card and x.holdout for x in samples),
                "clips": len({x.clip for x in samples if x.card == card}),
            }
            for card in sorted({sample.card for sample in samples})
        ],
        "replay_mb": sum(sample.size_bytes for sample in samples) / 1e6,
        "noise": store.camera_noise(),
        "width": _WIDTH,
        "height": _HEIGHT,
    }


def _shown(config: Config, entry: dict[str, Any], model: Model) -> dict[str, Any]:
    picture = config.models / f"{model.digest}.jpg"
    return entry | {
        "curve": _polyline(list(wire.load(Refined, model.facts).curve)),
        "picture": picture if picture.exists() else None,
    }


def _chart(shown: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a bar for each model, its gain over base up or down from a line, in pixels; empty without models."""
    if not shown:
        return {}
    gains = [model["gain_db"] for model in shown]
    low, high = min(0.0, *gains), max(0.1, *gains)
    unit, step = _CHART_HEIGHT / (high - low), min(_CHART_WIDTH / len(shown), 141.0)
    bars = [
        {
            "x": round(number * step + step * 0.15, 1),
            "y": round((high - max(gain, 0.0)) * unit, 1),
            "width": round(step * 0.7, 1),
            "height": max(1.0, round(abs(gain) * unit, 1)),
            "state": model["state"],
            "gain": f"{gain:+.2f}",
            "roll": model["roll"],
        }
        for number, (model, gain) in enumerate(zip(shown, gains, strict=True))
    ]
    labelled = len(shown) <= _MOST_LABELS
    return {
        "bars": bars,
        "zero": round(high * unit, 1),
        "labelled": labelled,
        "width": _CHART_WIDTH,
        "height": _CHART_HEIGHT,
    }


def _polyline(values: list[float]) -> str:
    """Return points of an SVG line over the values, empty for fewer than two."""
    if len(values) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    across = _WIDTH / (len(values) - 1)
    return " ".join(f"{x * across:.1f},{_HEIGHT - (v - low) / span * _HEIGHT:.1f}" for x, v in enumerate(values))


def _inline(picture: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode()
