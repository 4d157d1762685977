"""What becomes of a clip whose job ended in trouble: one table from error code to verdict.

Retrying is for what may pass by itself; what will not is held for a person at once, with cause and cure.
"""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What to do after a trouble."""

    RETRY = "retry"
    HOLD = "hold"
    CHANGED = "changed"
    UNDECODABLE = "undecodable"
    PARK = "park"
    """Its stage tries it again by itself, when that can help."""


VERDICTS: dict[str, Verdict] = {
    "media.undecodable": Verdict.UNDECODABLE,
    "media.unreadable": Verdict.HOLD,
    "media.bad_wave": Verdict.HOLD,
    "media.variable_rate": Verdict.HOLD,
    "media.unknown_space": Verdict.HOLD,
    "media.no_screen": Verdict.HOLD,
    "media.bad_mask": Verdict.HOLD,
    "media.bad_plate": Verdict.HOLD,
    "media.bad_part": Verdict.HOLD,
    "media.contract_broken": Verdict.HOLD,
    "media.encode_failed": Verdict.RETRY,
    "engine.unavailable": Verdict.HOLD,
    "engine.gpu_missing": Verdict.HOLD,
    "engine.wrong_driver": Verdict.HOLD,
    "engine.build_failed": Verdict.HOLD,
    "engine.bad_plan": Verdict.HOLD,
    "engine.parity": Verdict.HOLD,
    "engine.gpu": Verdict.RETRY,
    "engine.device_lost": Verdict.RETRY,
    "engine.out_of_memory": Verdict.RETRY,
    "engine.bad_weights": Verdict.HOLD,
    "engine.bad_look": Verdict.HOLD,
    "engine.bad_sample": Verdict.HOLD,
    "model": Verdict.HOLD,
    "sidecar": Verdict.HOLD,
    "clip": Verdict.HOLD,
    "clip.bad_hash": Verdict.HOLD,
    "clip.file_missing": Verdict.HOLD,
    "clip.source_changed": Verdict.CHANGED,
    "clip.unsafe_path": Verdict.HOLD,
    "clip.no_stand_in": Verdict.HOLD,
    "card.roll_name_taken": Verdict.HOLD,
    "delivery": Verdict.RETRY,
    "delivery.name_taken": Verdict.HOLD,
    "delivery.not_signed": Verdict.HOLD,
    "delivery.mix_changed": Verdict.HOLD,
    "delivery.target_away": Verdict.PARK,
    "egress": Verdict.HOLD,
    "delivery.disk_low": Verdict.PARK,
    "confinement": Verdict.HOLD,
    "delivery.disk_full": Verdict.RETRY,
    "cluster.bad_freight": Verdict.RETRY,
    "worker": Verdict.RETRY,
    "worker.died": Verdict.RETRY,
    "worker.hung": Verdict.RETRY,
    "worker.away": Verdict.RETRY,
}


def verdict_of(code: str) -> Verdict:
    """Return the verdict for an error code; an unknown one is retried, then failed with its reason."""
    return VERDICTS.get(code, Verdict.RETRY)
