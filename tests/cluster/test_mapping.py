"""A volume may be mounted elsewhere on a node: paths of the head are told as they are there, and back."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from daemon.cluster.mapping import Paths

NODE = Paths((("/media", "/mnt/nas"), ("/media/delivery/SHOW/.nearset-staging", "/mnt/nas/delivery/SHOW/s/token")))


def test_a_task_reads_the_volume_where_it_is_mounted_here():
    task = json.dumps({"source": {"root": "/media/offload", "files": ["A001/clip.mov"]}, "frames": 24})
    assert json.loads(NODE.here(task)) == {
        "source": {"root": "/mnt/nas/offload", "files": ["A001/clip.mov"]},
        "frames": 24,
    }


def test_the_nearest_folder_counts():
    assert NODE.path("/media/delivery/SHOW/.nearset-staging/a.proxy") == "/mnt/nas/delivery/SHOW/s/token/a.proxy"
    assert NODE.path("/media/delivery/SHOW/.nearset-staging") == "/mnt/nas/delivery/SHOW/s/token"


def test_a_folder_whose_name_only_begins_alike_stays():
    assert NODE.path("/media2/offload") == "/media2/offload"
    assert NODE.path("A note about /media") == "A note about /media"


def test_a_whole_disk_can_be_elsewhere():
    assert Paths((("/", "/sysroot"),)).path("/media/offload") == "/sysroot/media/offload"


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
leaves = st.one_of(st.none(), st.booleans(), st.integers(), words, words.map(lambda it: f"/media/{it}"))
tasks = st.recursive(leaves, lambda inner: st.one_of(st.lists(inner), st.dictionaries(words, inner)), max_leaves=12)


@given(tasks)
def test_what_went_there_comes_back_as_it_was(task):
    text = json.dumps(task)
    assert json.loads(NODE.there(NODE.here(text))) == task
