"""What is done to pictures, without a job around it: formats, sizes, colours, and the files that are refused."""

import struct
from contextlib import suppress
from typing import Any

import pytest
import pyvips
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from image_kit import bmp24, drawn, far, flat, gif_of, moving, picture, png_header, read, svg, written

from agents import _bmp, image
from agents._pixels import FORMATS, Stopped, Switch, kind_of, open_picture, save
from schemas.media import ConvertImage, CropImage, ScaleImage, Variant, WatermarkImage
from schemas.problem import Code, Problem

EXACT = ("png", "bmp", "tiff")


def seen(data: bytes, kind: str) -> Any:
    return _bmp.load(data) if kind == "bmp" else read(data)


def refused(work: Any, *more: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        work(*more)
    return caught.value


# ---- formats -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("to", FORMATS)
def test_every_format_becomes_every_other_and_shows_the_same_picture(source: str, to: str) -> None:
    data, _, width, height = image.convert(
        ConvertImage(image="", output_format=to), [picture(source, 70, 50)], Switch()
    )
    assert kind_of(data[:4096]) == to
    assert (width, height) == (70, 50)
    made = seen(data, to)
    assert (made.width, made.height) == (70, 50)
    assert far(made, drawn(70, 50)) < (1 if source in EXACT and to in EXACT else 12)


@pytest.mark.parametrize("to", ["png", "webp", "avif", "tiff", "bmp", "gif"])
def test_transparency_stays_where_the_format_has_it(to: str) -> None:
    source = [written(flat(32, 32, (200, 0, 0, 0 if to == "gif" else 128)), "png")]
    data, *_ = image.convert(ConvertImage(image="", output_format=to), source, Switch())
    made = seen(data, to)
    assert made.hasalpha()
    assert made[made.bands - 1].avg() == pytest.approx(0 if to == "gif" else 128, abs=2)


def test_a_jpg_of_a_transparent_picture_is_on_white() -> None:
    data, *_ = image.convert(
        ConvertImage(image="", output_format="jpg"), [written(flat(9, 9, (0, 0, 0, 0)), "png")], Switch()
    )
    assert read(data).avg() > 250


@pytest.mark.parametrize(
    ("kind", "to"), [("gif", "webp"), ("webp", "gif"), ("gif", "gif"), ("gif", "png"), ("webp", "jpg")]
)
def test_frames_are_kept_where_the_target_can_hold_them(kind: str, to: str) -> None:
    data, _, width, height = image.convert(ConvertImage(image="", output_format=to), [moving(kind)], Switch())
    made = read(data)
    assert (made.width, made.height, width, height) == (40, 30, 40, 30)
    assert (made.get("n-pages") if made.get_typeof("n-pages") else 1) == (5 if to in ("gif", "webp") else 1)
    if to in ("gif", "webp"):
        assert (made.get("delay"), made.get("loop")) == ([70] * 5, 3)


def test_quality_makes_the_file_smaller() -> None:
    sizes = [
        len(
            image.convert(ConvertImage(image="", output_format="jpg", quality=q), [picture("png", 300, 300)], Switch())[
                0
            ]
        )
        for q in (10, 95)
    ]
    assert sizes[0] < sizes[1] / 2


@pytest.mark.parametrize("turn", range(2, 9))
def test_a_picture_stands_upright_and_says_so_no_more(turn: int) -> None:
    source = drawn(60, 40).copy()
    source.set_type(pyvips.GValue.gint_type, "orientation", turn)
    source.set_type(pyvips.GValue.gstr_type, "exif-ifd2-UserComment", "where I live")
    data, _, width, height = image.convert(
        ConvertImage(image="", output_format="jpg"), [written(source, "jpg")], Switch()
    )
    assert (width, height) == ((60, 40) if turn < 5 else (40, 60))
    made = read(data)
    assert (made.width, made.height) == (width, height)
    assert far(made, source.autorot()) < 5
    assert not any(name.startswith("exif") for name in made.get_fields())
    assert b"where I live" not in data


def test_colours_of_another_space_become_srgb_and_the_profile_goes() -> None:
    wide = (
        drawn(40, 40).icc_export(output_profile="p3")
        if False
        else drawn(40, 40).icc_transform("p3", input_profile="srgb")
    )
    source = wide.write_to_buffer(".jpg", Q=98, profile="p3")
    assert read(source).get_typeof("icc-profile-data")
    data, *_ = image.convert(ConvertImage(image="", output_format="png"), [source], Switch())
    assert not read(data).get_typeof("icc-profile-data")
    assert far(read(data), drawn(40, 40)) < far(wide, drawn(40, 40))


def test_a_cmyk_jpg_becomes_rgb() -> None:
    source = drawn(40, 40).icc_transform("cmyk", input_profile="srgb").write_to_buffer(".jpg", Q=95)
    data, *_ = image.convert(ConvertImage(image="", output_format="png"), [source], Switch())
    assert (read(data).bands, read(data).interpretation) == (3, "srgb")
    assert far(read(data), drawn(40, 40)) < 40


def test_sixteen_bits_stay_sixteen_where_the_target_has_them() -> None:
    source = (drawn(20, 20).cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16").write_to_buffer(".png")
    for to, depth in (("png", "ushort"), ("jpg", "uchar"), ("webp", "uchar")):
        data, *_ = image.convert(ConvertImage(image="", output_format=to), [source], Switch())
        assert read(data).format == depth
        assert far(read(data).cast("float") / (257 if depth == "ushort" else 1), drawn(20, 20)) < 12


# ---- BMP ---------------------------------------------------------------------------------------------------------------


def test_a_bmp_keeps_every_pixel_there_and_back() -> None:
    for width in (1, 2, 3, 4, 5):
        made = drawn(width, 3)
        assert far(_bmp.load(bmp24(made)), made) == 0
        assert _bmp.save(made) == bmp24(made)[:38] + struct.pack("<ii", 2835, 2835) + bmp24(made)[46:]


def test_a_bmp_with_a_palette_and_one_from_the_top_down_are_read() -> None:
    table = b"".join(bytes((blue, 0, 0, 0)) for blue in (0, 80, 160, 240)) + bytes(4 * 12)
    head = struct.pack("<IiiHHIIiiII", 40, 3, -2, 1, 4, 0, 0, 0, 0, 16, 0)
    rows = bytes((0x12, 0x30, 0, 0)) + bytes((0x00, 0x10, 0, 0))
    data = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 14 + 40 + 64) + head + table + rows
    blue = _bmp.load(data)[2]
    assert blue.write_to_memory() == bytes((80, 160, 240, 0, 0, 80))


@given(st.integers(0, 53), st.binary(min_size=1, max_size=4))
@settings(max_examples=60)
def test_a_bmp_with_a_damaged_header_is_refused_or_read_and_never_more(at: int, noise: bytes) -> None:
    data = bytearray(bmp24(drawn(6, 5)))
    data[at : at + len(noise)] = noise
    with suppress(Problem):
        picture_read = open_picture(bytes(data))
        assert picture_read.width * picture_read.height <= 100_000_000
        assert kind_of(save(picture_read, "png", Switch())) == "png"


# ---- sizes -------------------------------------------------------------------------------------------------------------


@given(st.data())
@settings(max_examples=40)
def test_a_crop_has_exactly_its_size_and_its_pixels(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    wish = CropImage(
        image="", x=x, y=y, width=data.draw(st.integers(1, width - x)), height=data.draw(st.integers(1, height - y))
    )
    made, kind, *size = image.crop(wish, [picture("png", width, height)], Switch())
    assert (kind, size) == ("png", [wish.width, wish.height])
    assert far(read(made), drawn(width, height).crop(x, y, wish.width, wish.height)) == 0
    assert (read(made).width, read(made).height) == (wish.width, wish.height)


@given(
    st.sampled_from(["jpg", "png", "webp"]),
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(1, 220),
    st.integers(1, 220),
)
@settings(max_examples=60)
def test_both_sides_are_exactly_what_was_asked_for(kind: str, w: int, h: int, to_w: int, to_h: int) -> None:
    made, _, *size = image.scale(ScaleImage(image="", width=to_w, height=to_h), [picture(kind, w, h)], Switch())
    assert (read(made).width, read(made).height) == (to_w, to_h) == tuple(size)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.booleans())
@settings(max_examples=60)
def test_one_side_keeps_the_aspect(w: int, h: int, side: int, wide: bool) -> None:
    wish = ScaleImage(image="", width=side if wide else None, height=None if wide else side)
    other = max(1, round(side * h / w)) if wide else max(1, round(side * w / h))
    assume(other <= 65_535)  # a picture of one pixel's width grows beyond what any format holds, and that is refused
    made, _, *size = image.scale(wish, [picture("png", w, h)], Switch())
    assert size == ([side, other] if wide else [other, side])
    assert [read(made).width, read(made).height] == size


def test_a_moving_picture_is_cropped_scaled_and_watermarked_frame_by_frame() -> None:
    source = moving("gif", 40, 30, 5)
    works = (
        (image.crop, CropImage(image="", x=5, y=5, width=20, height=10), (20, 10)),
        (image.scale, ScaleImage(image="", width=80), (80, 60)),
        (image.watermark, WatermarkImage(image="", watermark="", opacity=1, position="TopLeft"), (40, 30)),
    )
    for edit, wish, size in works:
        data, kind, *told = edit(wish, [source, written(flat(4, 4, (0, 255, 0)), "png")], Switch())  # type: ignore[operator]
        every = pyvips.Image.new_from_buffer(data, "n=-1")
        assert (kind, tuple(told)) == ("gif", size)
        assert (every.width, every.get("page-height"), every.get("n-pages")) == (*size, 5)
        reds = [every.crop(size[0] - 2, at * size[1] + size[1] - 2, 2, 2)[0].avg() for at in range(5)]
        assert reds == pytest.approx([0, 40, 80, 120, 160], abs=8)


@pytest.mark.parametrize(
    ("fit", "size"), [("cover", (50, 80)), ("contain", (50, 80)), ("fill", (50, 80)), ("inside", (50, 25))]
)
@pytest.mark.parametrize("to", ["webp", "avif", "jpeg", "png"])
def test_a_variant_has_the_size_that_its_fit_promises(fit: Any, size: tuple[int, int], to: Any) -> None:
    wish = Variant(image="", width=50, height=80, fit=fit, output_format=to)
    data, _, *told = image.variant(wish, [picture("jpg", 1600, 800)], Switch())
    assert (read(data).width, read(data).height) == size == tuple(told)


def test_cover_shows_the_middle_and_contain_shows_all_on_nothing() -> None:
    wish = {"image": "", "width": 30, "height": 30, "output_format": "png"}
    cover = read(image.variant(Variant(**wish, fit="cover"), [picture("png", 90, 30)], Switch())[0])
    assert far(cover, drawn(90, 30).crop(30, 0, 30, 30)) < 3
    contain = read(image.variant(Variant(**wish, fit="contain"), [picture("png", 90, 30)], Switch())[0])
    assert contain(0, 0) == [0, 0, 0, 0]
    assert contain(15, 15)[3] == 255
    padded = Variant(**{**wish, "output_format": "jpeg"}, fit="contain")
    white = read(image.variant(padded, [picture("png", 90, 30)], Switch())[0])
    assert min(white(15, 1)) > 245


def test_a_variant_inside_is_never_larger_than_its_source() -> None:
    data, *_ = image.variant(Variant(image="", width=500), [picture("png", 90, 30)], Switch())
    assert (read(data).width, read(data).height) == (90, 30)


# ---- watermarks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "corner"),
    [
        ("TopLeft", (10, 10)),
        ("TopRight", (80, 10)),
        ("BottomLeft", (10, 60)),
        ("BottomRight", (80, 60)),
        ("Center", (45, 35)),
    ],
)
def test_a_watermark_stands_where_it_was_asked_to(position: Any, corner: tuple[int, int]) -> None:
    wish = WatermarkImage(image="", watermark="", position=position, opacity=1)
    source = [written(flat(100, 80, (0, 0, 0)), "png"), written(flat(10, 10, (255, 255, 255)), "png")]
    data, _, width, height = image.watermark(wish, source, Switch())
    assert (width, height) == (100, 80)
    left, top, wide, high = read(data).find_trim(background=[0, 0, 0])
    assert (left, top, wide, high) == (*corner, 10, 10)


def test_a_watermark_is_as_strong_and_as_large_as_asked() -> None:
    wish = WatermarkImage(image="", watermark="", position="TopLeft", opacity=0.5, watermark_scale=2)
    source = [written(flat(100, 80, (0, 0, 0)), "jpg"), written(flat(10, 10, (255, 255, 255, 128)), "png")]
    made = read(image.watermark(wish, source, Switch())[0])
    assert made(20, 20)[0] == pytest.approx(64, abs=3)
    assert made(29, 29)[0] > 50 > made(31, 31)[0]
    assert not made.hasalpha()


@pytest.mark.parametrize("scale", [1, 30])
def test_a_watermark_may_touch_the_edges_but_not_hang_over(scale: float) -> None:
    wish = WatermarkImage(image="", watermark="", watermark_scale=scale)
    source = [picture("png", 12, 12), picture("png", 12, 8)]
    if scale == 1:
        assert image.watermark(wish, source, Switch())[2:] == (12, 12)
    else:
        assert refused(image.watermark, wish, source, Switch()).fault.param == "watermark_scale"


# ---- bad input ---------------------------------------------------------------------------------------------------------

CONVERT = ConvertImage(image="", output_format="png")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.6, 0.97])
def test_a_file_that_is_cut_off_is_refused_by_the_name_of_its_field(kind: str, share: float) -> None:
    data = picture(kind, 200, 200)
    for field, files in (
        ("image", [data[: int(len(data) * share)]]),
        ("watermark", [picture("png", 900, 900), data[: int(len(data) * share)]]),
    ):
        edit: Any = image.convert if field == "image" else image.watermark
        wish: Any = CONVERT if field == "image" else WatermarkImage(image="", watermark="")
        problem = refused(edit, wish, files, Switch())
        assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, field)
        assert field in problem.fault.message
        assert "/" not in problem.fault.message


@pytest.mark.parametrize("fit", ["cover", "inside"])
def test_a_variant_of_a_jpg_that_is_cut_off_is_refused_too(fit: Any) -> None:
    data = picture("jpg", 2000, 1000)
    wish = Variant(image="", width=100, height=100, fit=fit)
    assert refused(image.variant, wish, [data[:-2000]], Switch()).fault.param == "image"


@pytest.mark.parametrize(
    "data",
    [b"", b"hello, I am a text", b"GIF8", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"<html></html>", b"%PDF-1.7 not this",
     b"RIFF0000WEBP", b"II*\0", b"P6 9999 9999 255 ", b"\0\0\0\x20ftypavif"],
)  # fmt: skip
def test_what_is_no_picture_is_refused_in_words(data: bytes) -> None:
    problem = refused(image.convert, CONVERT, [data], Switch())
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "image")
    assert problem.fault.message.startswith("The file in 'image' is no picture that can be read: ")


@pytest.mark.parametrize(
    "data",
    [png_header(40_000, 40_000), png_header(2_000_000_000, 1), gif_of(10_000), gif_of(400, 600, 600),
     struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 40_000, 40_000, 1, 24, 0, 0, 0, 0, 0, 0)],
)  # fmt: skip
def test_a_pixel_bomb_is_refused_before_it_is_decoded(data: bytes) -> None:
    problem = refused(image.convert, CONVERT, [data], Switch())
    assert problem.code in (Code.TOO_LARGE, Code.INVALID_REQUEST)
    assert problem.fault.param == "image"
    assert "pixels" in problem.fault.message or "frames" in problem.fault.message or "damaged" in problem.fault.message


@pytest.mark.parametrize(
    ("box", "param"),
    [
        ((0, 0, 65, 10), "width"),
        ((0, 0, 10, 49), "height"),
        ((64, 0, 1, 1), "x"),
        ((0, 48, 1, 1), "y"),
        ((60, 0, 10, 10), "width"),
    ],
)
def test_a_crop_outside_of_the_picture_names_the_field_and_the_size(box: tuple[int, int, int, int], param: str) -> None:
    wish = CropImage(image="", x=box[0], y=box[1], width=box[2], height=box[3])
    problem = refused(image.crop, wish, [picture("png", 64, 48)], Switch())
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, param)
    assert "64 x 48" in problem.fault.message


def test_a_result_that_nobody_could_open_is_not_made() -> None:
    problem = refused(image.scale, ScaleImage(image="", width=60_000, height=60_000), [picture()], Switch())
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "width")
    assert refused(image.scale, ScaleImage(image=""), [picture()], Switch()).fault.param == "width"
    large = written(flat(5_100, 5_000, (1, 2, 3)), "png")
    problem = refused(image.convert, ConvertImage(image="", output_format="avif"), [large], Switch())
    assert problem.fault.param == "output_format"
    wide = written(flat(17_000, 2, (1, 2, 3)), "png")
    problem = refused(image.convert, ConvertImage(image="", output_format="webp"), [wide], Switch())
    assert (problem.code, problem.fault.param) == (Code.INVALID_REQUEST, "output_format")


def test_a_drawing_never_reaches_libvips_in_this_process() -> None:
    assert "svg" in refused(image.convert, CONVERT, [svg()], Switch()).fault.message
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_buffer(svg(), "")


def test_work_that_was_stopped_makes_nothing() -> None:
    switch = Switch()
    switch.kill()
    with pytest.raises(Stopped):
        image.convert(CONVERT, [picture()], switch)
