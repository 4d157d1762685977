"""Cards that decode and encode beside the processor: used where they give the very same, and said where not."""

from __future__ import annotations

import ctypes.util
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.context import CodecContext
from av.error import ExternalError
from av.video.frame import VideoFrame

sys.path.insert(0, str(Path(__file__).parent))

from paper_card import BLURRED, X264, PaperCard
from shots import Shot, Sound, opened, probed

from engines.errors import DeviceLost, GpuFault, OutOfGpuMemory
from engines.media.contract import check
from engines.media.decode import LibavDecoder, decoder_for
from engines.media.decode import Sound as SoundBlock
from engines.media.encode import Output, ProxyWriter
from engines.media.essence import FieldOrder
from engines.media.hardware import Hardware, Nvidia, here
from engines.media.picture import NVENC
from engines.media.preset import PRESETS, derived
from engines.media.probe import probe
from engines.media.proxy import ProxyCodec, Wanted, spec_of, working_of
from engines.media.semiplanar import planar
from engines.media.trials import explained
from engines.render import render

RATE = Fraction(24)
CLIPS = {
    "H.264 8 bit": Shot(40, RATE, codec="libx264", pixel_format="yuv420p", options={"preset": "fast", "bf": "3"}),
    "H.264 full range": Shot(20, RATE, codec="libx264", pixel_format="yuvj420p", color_range=2),
    "H.264 10 bit 4:2:2": Shot(20, RATE, codec="libx264", pixel_format="yuv422p10le", options={"preset": "fast"}),
    "HEVC 10 bit": Shot(
        20, RATE, codec="libx265", pixel_format="yuv420p10le", options={"x265-params": "log-level=error:bframes=3"}
    ),
    "1080 lines": Shot(
        18, RATE, (1920, 1080), codec="libx264", pixel_format="yuv420p", options={"preset": "ultrafast"}
    ),
}
TRACKS = (Sound(), Sound("pcm_s16le", "s16"))


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return {
        name: replace(shot, sounds=TRACKS).write(folder / f"{number}.mov")
        for number, (name, shot) in enumerate(CLIPS.items())
    }


@pytest.fixture(scope="session")
def clip(clips):
    return clips["H.264 8 bit"]


def told(block):
    """What a block is, to the bit."""
    if isinstance(block, SoundBlock):
        return block.track, block.frame.pts, block.frame.to_ndarray().tobytes()
    size = (block.width, block.height, block.format.name)
    tags = (block.colorspace, block.color_range, block.color_primaries, block.color_trc)
    return block.pts, block.time_base, size, tags, block.to_ndarray().tobytes()


def blocks(path, hardware=None):
    """The pictures, then each track's sound, and what decoded."""
    with opened(path) as files:
        decoder = LibavDecoder(files, probe(files), hardware)
        given = [told(block) for block in decoder.blocks()]
        return sorted(given, key=lambda block: block[0] if len(block) == 3 else -1), decoder.describe()


@pytest.mark.parametrize("name", CLIPS)
def test_a_card_gives_what_the_processor_gives_and_the_record_names_it(clips, name):
    card = PaperCard()
    by_card, said = blocks(clips[name], Hardware(card))
    by_processor, plain = blocks(clips[name])
    assert by_card == by_processor
    assert (said, plain) == (card.name, "libavcodec")


def test_a_card_is_tried_once_for_clips_of_one_kind(clip):
    card = PaperCard()
    hardware = Hardware(card)
    for _ in range(3):
        blocks(clip, hardware)
    assert card.opened == 1 + 3, "one trial, and then each clip"


@pytest.mark.parametrize(
    ("card", "why"),
    [
        (PaperCard(sick="wrong", at=9, opening=1), "the card decodes wrongly: its picture 9 is not the processor's"),
        (PaperCard(sick="uncropped", opening=1), "the card gives 328x192 for 320x192: it is cropped"),
        (PaperCard(sick="closed"), "the card does not decode h264 yuv420p of this size"),
        (PaperCard(sick="lost", at=3, opening=1), "the card does not decode h264"),
    ],
    ids=["decodes wrongly", "does not crop", "does not open", "fails in its trial"],
)
def test_a_card_that_fails_its_trial_is_not_used_and_the_record_says_why(clip, card, why):
    by_card, said = blocks(clip, Hardware(card))
    assert by_card == blocks(clip)[0]
    assert said.startswith(f"libavcodec instead of {card.name}: {why}")


def test_a_card_without_422_leaves_it_to_the_processor_and_says_so(clips):
    card = PaperCard(forms=("yuv420p", "yuv420p10le"))
    hardware = Hardware(card)
    said = blocks(clips["H.264 10 bit 4:2:2"], hardware)[1]
    assert said.startswith(f"libavcodec instead of {card.name}: the card does not decode h264 yuv422p10le of this size")
    assert blocks(clips["HEVC 10 bit"], hardware)[1] == card.name


@pytest.mark.parametrize(
    ("sick", "why"), [("damaged", "it is damaged"), ("torn", "it is damaged"), ("changed", "its parameters change")]
)
def test_a_stream_that_breaks_goes_on_by_the_processor_from_that_very_picture(clip, sick, why):
    card = PaperCard(sick=sick, at=21)
    by_card, said = blocks(clip, Hardware(card))
    assert by_card == blocks(clip)[0], "nothing is given twice, nothing is left out"
    assert said.startswith(f"{card.name}, and libavcodec for 19 pictures: from picture 21 on {why}")


@pytest.mark.parametrize(
    ("sick", "error", "code"),
    [("lost", DeviceLost, "engine.device_lost"), ("full", OutOfGpuMemory, "engine.out_of_memory")],
)
def test_a_card_that_is_lost_in_a_clip_is_an_error_with_its_code(clip, sick, error, code):
    with pytest.raises(error, match="stopped decoding") as caught:
        blocks(clip, Hardware(PaperCard(sick=sick, at=21)))
    assert caught.value.code == code
    assert isinstance(caught.value, GpuFault)
    assert caught.value.fix


def test_what_no_card_is_asked_for_is_the_processors_without_a_word(tmp_path):
    shot = Shot(5, RATE).write(tmp_path / "clip.mov")
    card = PaperCard()
    assert blocks(shot, Hardware(card))[1] == "libavcodec"
    assert card.opened == 0


def test_interlaced_and_odd_clips_are_not_tried(clip):
    card = PaperCard()
    hardware, essence = Hardware(card), probed(clip)
    with opened(clip) as (file,):
        woven = replace(essence, field_order=FieldOrder.TOP_FIRST)
        assert hardware.why_not_decode(file, woven) == "it is interlaced"
        assert hardware.why_not_decode(file, replace(essence, width=319)) == "319x192 is odd"
        assert hardware.why_not_decode(file, replace(essence, pixel_format="yuv444p")) == "cards decode no yuv444p"
    assert card.opened == 0


def test_without_a_gpu_the_processor_serves_and_says_why(clip):
    given, said = blocks(clip, Hardware(None, "engine.gpu_missing: no driver"))
    assert given == blocks(clip)[0]
    assert said == "libavcodec instead of NVDEC: engine.gpu_missing: no driver"


@pytest.mark.parametrize("form", ["p010le", "p016le"])
def test_every_code_of_ten_bits_comes_out_as_it_went_in(form):
    frame = VideoFrame(1024, 16, form)
    frame.pts, frame.time_base = 7, 1 / RATE
    codes = np.arange(1024, dtype=np.uint16)
    for plane in frame.planes:
        np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)[:, :1024] = codes << 6
    y, cb, cr = (
        np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)[:, : plane.width]
        for plane in planar(frame, "yuv420p10le").planes
    )
    assert (y == codes).all()
    assert (cb == codes[0::2]).all()
    assert (cr == codes[1::2]).all()


# Encoding


def spec_for(essence, preset="h264-review"):
    return spec_of(essence, PRESETS[preset], Wanted("A001C001", "A001"))


def test_a_review_copy_by_the_card_keeps_the_relink_contract(clip, tmp_path):
    hardware = Hardware(PaperCard())
    with opened(clip) as files:
        essence = probe(files)
        spec = spec_for(essence)
        coding, why = hardware.coding(essence, spec)
        assert (coding, why) == (X264, "")
        out = Output(spec, (tmp_path / "out.mov",), coding=coding)
        decoder = decoder_for(files, essence)
        made = render(decoder, essence, working_of(essence, [spec]), [out], enhance=None, progress=lambda *_: None)
    with opened(*out.paths) as written:
        check(written, essence, spec, made.sound_digests[0])


@pytest.mark.parametrize(
    ("coding", "why"),
    [
        (BLURRED, "the card encodes wrongly"),
        (replace(X264, encoder="h264_nvenc"), "the card does not encode"),
        (
            replace(X264, options={"preset": "ultrafast", "crf": "20", "profile": "none such"}),
            "the card does not encode",
        ),
    ],
    ids=["writes another picture", "is not there", "refuses its settings"],
)
def test_a_card_that_cannot_encode_leaves_it_to_the_processor_and_says_why(clip, coding, why):
    if coding.encoder == "h264_nvenc" and here().card:
        pytest.skip("this machine has a GPU")
    card = PaperCard()
    card.codings = {ProxyCodec.H264: coding}
    essence = probed(clip)
    found, said = Hardware(card).coding(essence, spec_for(essence))
    assert found is None
    assert said.startswith(why)


def test_only_h264_is_asked_of_a_card_and_nothing_interlaced(clip):
    essence, hardware = probed(clip), Hardware(PaperCard())
    prores = spec_of(essence, derived(ProxyCodec.PRORES_PROXY, None), Wanted("A001C001", "A001"))
    assert hardware.coding(essence, prores) == (None, "")
    woven = replace(essence, field_order=FieldOrder.TOP_FIRST)
    h264 = spec_of(woven, derived(ProxyCodec.H264, None), Wanted("A001C001", "A001"))
    assert hardware.coding(woven, h264) == (None, "it is interlaced")


def test_what_nvenc_is_asked_for_is_known_to_the_ffmpeg_that_is_here():
    """FFmpeg is silent about options that it does not know."""
    coding = NVENC[ProxyCodec.H264]
    context = CodecContext.create(coding.encoder, "w")
    known = {option.name: option for option in (*context.supported_options.generic, *context.supported_options.private)}
    for name, value in coding.options.items():
        choices = {choice.name for choice in known[name].choices}
        assert not choices or value in choices or value.isdigit(), f"{name}={value}"
    assert coding.pixel_format in {form.name for form in context.codec.video_formats}


@pytest.mark.parametrize("library", ["libnvcuvid.so.1", "libnvidia-encode.so.1"])
def test_a_driver_without_what_decodes_or_encodes_is_told_by_the_librarys_name(clip, library):
    if ctypes.util.find_library(library.removeprefix("lib").removesuffix(".so.1")):
        pytest.skip("it is here")
    hardware = Hardware(Nvidia("NVDEC (a container without them)", NVENC))
    with opened(clip) as (file,):
        essence = probe([file])
        whys = hardware.why_not_decode(file, essence), hardware.coding(essence, spec_for(essence))[1]
    assert any(why.startswith(f"the driver's library {library} cannot be loaded") for why in whys)


def test_a_trial_tells_what_ffmpeg_says_of_it(clip):
    if here().card:
        pytest.skip("this machine has a GPU")
    card = PaperCard()
    card.codings = {ProxyCodec.H264: replace(X264, encoder="h264_nvenc", options={})}
    essence = probed(clip)
    said = explained(lambda: Hardware(card).coding(essence, spec_for(essence))[1])
    assert said.startswith("the card does not encode")
    assert said.endswith("; FFmpeg: Cannot load libcuda.so.1")


@pytest.mark.parametrize("coding", [None, X264], ids=["processor", "card"])
def test_a_clip_that_is_all_key_frames_gives_a_proxy_that_is_not(tmp_path, coding):
    shot = Shot(30, RATE, codec="libx264", pixel_format="yuv420p", options={"preset": "ultrafast", "g": "1"})
    with opened(shot.write(tmp_path / "intra.mov")) as files:
        essence = probe(files)
        spec = spec_for(essence)
        out, decoder = Output(spec, (tmp_path / "out.mov",), coding=coding), decoder_for(files, essence)
        render(decoder, essence, working_of(essence, [spec]), [out], enhance=None, progress=lambda *_: None)
    with av.open(str(out.paths[0])) as written:
        assert sum(packet.is_keyframe for packet in written.demux(video=0)) == 1


def test_a_card_that_is_lost_while_it_encodes_is_told_as_that(clip, tmp_path):
    class Lost:
        def encode(self, _frame):
            raise ExternalError(5, "CUDA_ERROR_LAUNCH_FAILED")

    essence = probed(clip)
    writer = ProxyWriter(Output(spec_for(essence), (tmp_path / "out.mov",), coding=X264), essence)
    writer._picture._stream = Lost()
    with pytest.raises(DeviceLost, match="stopped encoding"):
        writer.close()
    writer.abandon()


# On a GPU


@pytest.fixture
def hardware():
    found = here()
    if found.card is None:
        pytest.skip(found.lacks)
    return found


def coding_of(hardware, essence, spec):
    coding, why = hardware.coding(essence, spec)
    if coding is None:
        pytest.skip(why)
    return coding


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["H.264 8 bit", "1080 lines", "HEVC 10 bit"])
def test_nvdec_gives_what_the_processor_gives(clips, name, hardware):
    by_card, said = blocks(clips[name], hardware)
    assert by_card == blocks(clips[name])[0]
    assert said == hardware.name


@pytest.mark.gpu
def test_a_review_copy_by_nvenc_keeps_the_relink_contract(clips, hardware, tmp_path):
    with opened(clips["1080 lines"]) as files:
        essence = probe(files)
        spec = spec_for(essence)
        coding = coding_of(hardware, essence, spec)
        out = Output(spec, (tmp_path / "out.mov",), coding=coding)
        working, decoder = working_of(essence, [spec]), decoder_for(files, essence, hardware)
        made = render(decoder, essence, working, [out], enhance=None, progress=lambda *_: None)
    with opened(*out.paths) as written:
        check(written, essence, spec, made.sound_digests[0])


@pytest.mark.gpu
def test_nvenc_gives_the_same_bytes_again(clips, hardware, tmp_path):
    with opened(clips["1080 lines"]) as files:
        essence = probe(files)
        spec = spec_for(essence)
        coding = coding_of(hardware, essence, spec)
        outs = [Output(spec, (tmp_path / f"{number}.mov",), coding=coding) for number in range(2)]
        for out in outs:
            decoder = decoder_for(files, essence)
            render(decoder, essence, working_of(essence, [spec]), [out], enhance=None, progress=lambda *_: None)
    one, other = (out.paths[0].read_bytes() for out in outs)
    assert one == other
