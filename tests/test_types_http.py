"""`/types` over HTTP: the index, the files with their media types, and what a second visit costs."""

import time

import pytest
from gateway_house import House, open_house

from bus.connection import Link
from gateway.types.languages import LANGUAGES


async def read(house: House, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers in lower case and text, without a key."""
    async with house.http.get(house.url + path, headers=headers) as reply:
        return reply.status, {name.lower(): value for name, value in reply.headers.items()}, await reply.text()


async def test_types_are_served_to_whoever_asks(nats: Link) -> None:
    async with open_house(nats, agent=False) as house:
        started = time.perf_counter()
        status, headers, text = await read(house, "/types/typescript")
        cold = time.perf_counter() - started
        assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert f"BaseUrl: {house.url}\n" in text
        assert "Version: 1.2.3\n" in text
        assert cold < 1.0  # 0.03 s on an idle machine; the promise is 0.1
        for language in LANGUAGES.values():
            status, headers, text = await read(house, f"/types/{language.name}")
            assert (status, headers["content-type"].partition(";")[0]) == (200, language.media_type)
            assert headers["access-control-allow-origin"] == "*"
            assert "OpenAiChatCompletion" in text

        status, again, _ = await read(house, "/types/mjs")
        assert again["content-type"].startswith("application/javascript")
        status, _, text = await read(house, "/types/mjs", **{"If-None-Match": again["etag"]})
        assert (status, text) == (304, "")
        status, _, _ = await read(house, "/types/mjs?IncludeTypes=Hello", **{"If-None-Match": again["etag"]})
        assert status == 200

        status, _, text = await read(house, "/types/python?IncludeTypes=TextToImage.*&ExcludeTypes=TextToImage")
        assert status == 200
        assert "class ArtifactGenerationResponse" in text
        assert "class TextToImage(" not in text

        _, _, text = await read(house, "/types/ts", **{"Host": "ai.example.org", "X-Forwarded-Proto": "https"})
        assert "BaseUrl: https://ai.example.org\n" in text
        _, _, text = await read(house, "/types/ts", Host="evil*/alert(1)/*")
        assert "alert" not in text

        status, _, text = await read(house, "/types/cobol")
        assert status == 404
        assert "typescript" in text
        status, _, text = await read(house, "/types/ts?IncludeTypes=%2A%2Falert(1)")
        assert status == 400
        assert "IncludeTypes" in text


async def test_the_index_is_a_page_for_people_and_data_for_programs(nats: Link) -> None:
    async with open_house(nats, agent=False) as house:
        status, headers, page = await read(house, "/types", Accept="text/html,*/*")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        for language in LANGUAGES.values():
            assert f"{house.url}/types/{language.name}" in page
        # It loads nothing from elsewhere: addresses stand in text alone.
        assert "<link" not in page
        assert "src=" not in page
        _, _, page = await read(house, "/types", Accept="text/html", Host="x<script>alert(1)</script>")
        assert "alert(1)" not in page

        status, _, told = await house.get("/types")
        assert [each["name"] for each in told["languages"]] == list(LANGUAGES)
        assert all(house.url in each["start"] for each in told["languages"])
        status, headers, told = await house.get("/types/metadata?IncludeTypes=Hello.*")
        assert (status, headers["content-type"]) == (200, "application/json")
        assert [each["request"]["name"] for each in told["operations"]] == ["Hello"]
        assert told["config"]["baseUrl"] == house.url


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_types_are_only_read(nats: Link, method: str) -> None:
    async with open_house(nats, agent=False) as house:
        status, _, _ = await house.get("/types/python", method=method)
        assert status == 405
