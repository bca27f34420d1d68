"""What a person sees while waiting: lines that stay, and under them what is under way."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_BAR = 24


class Live:
    """A moving line below those that were told; without a terminal only the lines."""

    def __init__(self, console: Console, waiting_for: str) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(_BAR),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(waiting_for, total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def tell(self, line: str) -> None:
        """A line that stays."""
        self._console.print(line, highlight=False)

    def now(self, waiting_for: str, share: float | None = None) -> None:
        """What is under way from now on, and how much of it is done (0 to 1), if that is known."""
        if not self._is_about(waiting_for):
            self._progress.reset(self._task, total=None, description=waiting_for)
        self._progress.update(
            self._task, total=None if share is None else 1.0, completed=share or 0.0
        )

    def _is_about(self, waiting_for: str) -> bool:
        return self._progress.tasks[self._task].description == waiting_for
