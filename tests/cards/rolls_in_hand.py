"""Cards written down as lists of names, and a short way to recognise them."""

from daemon import cards
from daemon.errors import FileMissing
from daemon.slate import FoundCard, FoundClip

SONY_INDEX = b"""<?xml version="1.0" encoding="UTF-8"?>
<MediaProfile xmlns="http://xmlns.sony.net/pro/metadata/mediaprofile" version="2.30"><Contents>
<Material uri="./Clip/C0001.MXF" type="MXF" dur="10" fps="25p" videoType="AVC" umid="01"/>
<Material uri="./Clip/C0002.MXF" type="MXF" dur="10" fps="25p" videoType="AVC" umid="02"/>
</Contents></MediaProfile>"""


def found(*paths: str, texts: dict[str, bytes] | None = None, root: str = "offload") -> list[FoundCard]:
    known = texts or {}

    def read(path: str) -> bytes:
        if path not in known:
            raise FileMissing(path, why="the folder does not hold it", fix="finish the offload")
        return known[path]

    return cards.recognise([*paths, *(path for path in known if path not in paths)], read, root)


def only(*paths: str, texts: dict[str, bytes] | None = None, root: str = "offload") -> FoundCard:
    (card,) = found(*paths, texts=texts, root=root)
    return card


def by_name(card: FoundCard) -> dict[str, FoundClip]:
    return {clip.name: clip for clip in card.clips}


def everything(card: FoundCard) -> list[str]:
    """Return every file of a card as often as it was put somewhere."""
    held = [path for clip in card.clips for path in (*clip.files, *clip.sidecars, *clip.stand_ins)]
    return sorted([*held, *card.others])
