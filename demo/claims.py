"""What the story claims, each with the number that shows it."""

from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Claim:
    """One assertion and what was seen."""

    chapter: str
    text: str
    seen: str
    holds: bool


@dataclass
class Claims:
    """All of them, told as they are made."""

    console: Console
    made: list[Claim] = field(default_factory=list)
    chapter: str = ""

    def begin(self, title: str) -> None:
        self.chapter = title.split(".")[0]
        self.console.print(f"\n[bold]{title}[/]", highlight=False)

    def claim(self, text: str, *, holds: bool, seen: object) -> None:
        """Assert; a claim that fails does not end the story, but it fails the demo."""
        self.made.append(Claim(self.chapter, text, str(seen), holds))
        mark = "[green]✓[/]" if holds else "[red]✗[/]"
        self.console.print(f"  {mark} {escape(text)} [dim]{escape(str(seen))}[/]", highlight=False)

    @property
    def hold(self) -> bool:
        return bool(self.made) and all(claim.holds for claim in self.made)

    def table(self) -> Table:
        table = Table("", "", "claim", "seen", title="What was claimed, and what was seen")
        for claim in self.made:
            mark = "[green]✓[/]" if claim.holds else "[red]✗[/]"
            table.add_row(mark, claim.chapter, Text(claim.text), Text(claim.seen))
        return table
