"""The index at `/types`: for each language its address and a start to copy, with this server's own address in it."""

from html import escape
from typing import Any

from gateway.types.languages import LANGUAGES
from gateway.types.options import Language

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
nav a { margin-right: .75rem } section { margin-top: 2.5rem }
pre { padding: 1rem; overflow-x: auto; border: 1px solid #8886; border-radius: .5rem }
code { font-family: ui-monospace, monospace } button { float: right }
"""
_SCRIPT = """
document.addEventListener('click', function (event) {
    var code = event.target.dataset.copies && document.getElementById(event.target.dataset.copies)
    if (code) navigator.clipboard.writeText(code.textContent).then(function () { event.target.textContent = 'Copied' })
})
"""


def as_data(url: str) -> dict[str, Any]:
    """The index for programs."""
    return {
        "languages": [
            {
                "name": each.name,
                "aliases": list(each.aliases),
                "title": each.title,
                "file": each.file,
                "url": f"{url}/types/{each.name}",
                "options": ["BaseUrl", *each.options],
                "start": each.start.replace("{url}", url),
            }
            for each in LANGUAGES.values()
        ],
        "metadata": f"{url}/types/metadata",
    }


def as_page(url: str) -> str:
    """The index for people. It loads nothing from elsewhere."""
    links = "".join(f'<a href="#{each.name}">{escape(each.title)}</a> ' for each in LANGUAGES.values())
    sections = "".join(_section(each, url) for each in LANGUAGES.values())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Typed clients</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        "<h1>Typed clients</h1><p>Every request and answer of this server as types of your language, made from the server "
        "itself. Save the file, add the client library, and a request is a typed call. To bring the file up to date later, "
        "fetch it again; ServiceStack's tools (<code>x</code>) read the options in its header back.</p>"
        "<p>Any of them takes <code>?IncludeTypes=TextToImage.*,{AI}</code> (requests with what they need, or all of a tag), "
        "<code>ExcludeTypes</code>, <code>BaseUrl</code> and what else stands in the header of the file. "
        f'As data: <a href="/types/metadata">/types/metadata</a>.</p><nav>{links}</nav>{sections}'
        f"<script>{_SCRIPT}</script></body></html>"
    )


def _section(language: Language, url: str) -> str:
    name = language.name
    start = escape(language.start.replace("{url}", url))
    return (
        f'<section id="{name}"><h2>{escape(language.title)}</h2><p><a href="/types/{name}">/types/{name}</a> '
        f"as <code>{escape(language.file)}</code></p>"
        f'<pre><button data-copies="start-{name}">Copy</button><code id="start-{name}">{start}</code></pre></section>'
    )
