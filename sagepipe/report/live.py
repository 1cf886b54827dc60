"""A display that changes in place while something runs, where there is a terminal to change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text


class LiveDisplay(ABC):
    """Draws `render()` again and again while it is open as a context manager.

    Without a terminal nothing is drawn (`live` is None), and only `say` shows.
    """

    def __init__(self, console: Console, refresh_per_second: float) -> None:
        self._console = console
        self.live = (
            Live(
                get_renderable=self.render,
                console=console,
                refresh_per_second=refresh_per_second,
                transient=True,
            )
            if console.is_terminal
            else None
        )

    @abstractmethod
    def render(self) -> RenderableType:
        """What to draw now."""

    def say(self, text: str, style: str = "") -> None:
        """A line that stays."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def __enter__(self) -> Self:
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.live:
            self.live.stop()
