"""Panasonic P2: `CONTENTS/CLIP/0001AB.XML` names a clip; `VIDEO/0001AB.MXF` and `AUDIO/0001AB00.MXF` are it.

A clip's files are its video, then its audio tracks in order. Clips that are one shot, by what their XML say, are one
clip here; where the XML names a clip that is not on this card, the shot goes on on another. Source: field guide.
"""

from __future__ import annotations

import re
from dataclasses import replace

from daemon.cards.base import Read, Tree, before, movie, stem, suffix
from daemon.errors import NearsetError
from daemon.sidecars import p2
from daemon.sidecars.p2 import P2Clip
from daemon.slate import FoundClip, Span, Vendor

_FOLDERS = ("VIDEO", "AUDIO", "CLIP", "PROXY", "VOICE", "ICON")
_TRACK = re.compile(r"\d{2}$")


class P2:
    """Panasonic's professional card."""

    vendor = Vendor.P2
    flat = False

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds CONTENTS; any of its folders may be the first to arrive."""
        for folder in _FOLDERS:
            if (roll := before(path, f"CONTENTS/{folder}")) is not None:
                return roll
        return None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return a clip for each video file."""
        tracks: dict[str, list[str]] = {}
        for path in tree.under("CONTENTS/AUDIO"):
            if suffix(path) == ".mxf":
                tracks.setdefault(_TRACK.sub("", stem(path)).lower(), []).append(path)
        metas = {stem(path).lower(): path for path in tree.under("CONTENTS/CLIP") if suffix(path) == ".xml"}
        proxies = {stem(path).lower(): path for path in tree.under("CONTENTS/PROXY") if suffix(path) == ".mp4"}
        clips = []
        for path in tree.under("CONTENTS/VIDEO"):
            if suffix(path) == ".mxf":
                key = stem(path).lower()
                files = [path, *tracks.pop(key, ())]
                meta, proxy = ([found.pop(key)] if key in found else [] for found in (metas, proxies))
                clips.append(movie(stem(path), files, meta, proxy))
        return clips

    def joined(self, clips: list[FoundClip], tree: Tree, read: Read) -> list[FoundClip]:
        """Return the clips, those joined whose XML name each other as one shot's."""
        del tree
        told = {clip.name: _told(clip, read) for clip in clips}
        by_id = {told[clip.name].global_id: clip for clip in clips if told[clip.name].global_id}
        after = {}
        for clip in clips:
            follower = by_id.get(told[clip.name].next_id)
            if follower and told[follower.name].previous_id == told[clip.name].global_id:
                after[clip.name] = follower
        heads = [clip for clip in clips if clip.name not in {follower.name for follower in after.values()}]
        return [_shot(head, after, told) for head in heads]

    def missing(self, tree: Tree, read: Read) -> list[str]:
        """Return the clips whose XML is there and whose video is not."""
        del read
        there = {stem(path).lower() for path in tree.under("CONTENTS/VIDEO")}
        named = [stem(path) for path in tree.under("CONTENTS/CLIP") if suffix(path) == ".xml"]
        return [name for name in named if name.lower() not in there]

    def is_accessory(self, path: str) -> bool:
        """Return whether a file is a sound track, a memo or a proxy; without its video it is no clip."""
        return self.roll_folder(path) is not None and before(path, "CONTENTS/VIDEO") is None


def _told(clip: FoundClip, read: Read) -> P2Clip:
    """Return what a clip's XML says of its shot; nothing where it cannot be read."""
    try:
        return p2.parse(read(clip.sidecars[0]), clip.sidecars[0]) if clip.sidecars else P2Clip("", "", "")
    except NearsetError:
        return P2Clip("", "", "")  # half copied, or damaged: the clip is what its video says


def _shot(head: FoundClip, after: dict[str, FoundClip], told: dict[str, P2Clip]) -> FoundClip:
    """Return a shot's clips as one, and where it goes on; the camera's own proxies are of one clip each."""
    parts = [head]
    while follower := after.get(parts[-1].name):
        parts.append(follower)
    first, last = told[head.name], told[parts[-1].name]
    span = Span(last.global_id, first.previous_id, last.next_id) if last.global_id else None
    return replace(
        head,
        files=tuple(path for part in parts for path in part.files),
        sidecars=tuple(path for part in parts for path in part.sidecars),
        stand_ins=head.stand_ins if len(parts) == 1 else (),
        span=span if span and (span.continues or span.follows or len(parts) > 1) else None,
    )
