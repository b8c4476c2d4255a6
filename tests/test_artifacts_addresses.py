"""Addresses and headers of files, decided without any I/O: no path and no name can say more than it may."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.sending import attachment, may_show, type_headers
from schemas.files import PRIVATE, PUBLIC
from storage.blobs import address_of, blob_at, blob_name, place_of

WORD = st.text("abcXYZ019-_", min_size=1, max_size=12)


@given(WORD, WORD, st.sampled_from([PUBLIC, PRIVATE]), st.floats(0, 4e9), st.text(max_size=6))
def test_a_blob_has_one_address_and_an_address_one_blob(
    tenant: str, key: str, area: str, created: float, ending: str
) -> None:
    name = blob_name((tenant, key), area, created, "0" * 64, ending)
    assert blob_at(address_of(name)) == name
    assert place_of(name) == (tenant, area, key)


@given(st.text("/.%atprivublc0129-_f\n", max_size=40))
def test_no_made_up_path_is_an_address(tail: str) -> None:
    assert blob_at(f"/artifacts/{tail}") is None


def test_types_and_names_fit_into_headers() -> None:
    assert type_headers("text/html\r\nX: y")["content-type"] == "application/octet-stream"
    assert type_headers("Image/PNG; x=y")["content-type"] == "image/png"
    assert (may_show("application/pdf"), may_show("image/svg+xml"), may_show("model/x3d+xml")) == (True, False, False)
    assert "\n" not in attachment("a\r\nb")
    assert attachment("a;b\\.x").isascii()
