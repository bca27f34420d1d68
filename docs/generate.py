"""`python -m docs.generate [--check]`: the pages that code writes about itself."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from docs.definition_page import definition_page
from docs.embedded_page import embedded_page
from docs.event_page import event_page
from docs.machine_page import machine_page
from docs.reason_page import reason_page
from docs.route_page import route_page

HERE = Path(__file__).parent

PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "embedded-aws.md": embedded_page,
        "events.md": event_page,
        "machines.md": machine_page,
        "model-toml.md": definition_page,
        "reasons.md": reason_page,
        "routes.md": route_page,
    }
)
"""Every generated page and what writes it."""

_NOTE = "<!-- Written by `make docs`; change the code, not the page. -->\n"


def pages() -> dict[str, str]:
    """Every generated page, by name, as it has to be now."""
    return {name: _NOTE + write() for name, write in PAGES.items()}


def stale(folder: Path) -> dict[str, str]:
    """The pages missing from `folder` or unlike what the code says, as they have to be."""
    return {name: text for name, text in pages().items() if _read(folder / name) != text}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or with `--check` only say which are stale."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given not in ([], ["--check"]):
        sys.stderr.write("usage: python -m docs.generate [--check]\n")
        return 2
    old = stale(HERE)
    if given and old:
        sys.stderr.write(f"stale: {', '.join(f'docs/{name}' for name in old)}; run `make docs`\n")
        return 1
    for name, text in old.items():
        (HERE / name).write_text(text, "utf-8")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


if __name__ == "__main__":
    raise SystemExit(main())
