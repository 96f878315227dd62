"""The status page that the Temporal UI shows: what a workflow waits for, since when, and who
acts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from canonical.base import Noun


class Wait(Noun):
    """What a workflow waits for, since when, and who acts."""

    what: str
    who: str
    since: datetime
    why: str = ""
    next_step: str = ""


def page(headline: str, stage: str, wait: Wait | None, held_by: str, traces: Sequence[str]) -> str:
    """The page in Markdown."""
    lines = [f"### {headline}", f"**Stage:** {stage}"]
    if wait is not None:
        lines += [
            f"**Waits for:** {wait.what}",
            f"**Since:** {wait.since:%Y-%m-%d %H:%M} UTC",
            f"**Who acts:** {wait.who}",
        ]
        lines += [f"**Why:** {wait.why}"] if wait.why else []
        lines += [f"**Next step:** {wait.next_step}"] if wait.next_step else []
    if held_by:
        lines.append(f"**On hold** by {held_by}")
    lines += [f"- {trace}" for trace in traces]
    return "\n\n".join(lines)


def in_words(cause: str) -> str:
    """An error's name as people read it: `SystemRefusesUs` is `system refuses us`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", cause).lower()


def facts(**named: str) -> str:
    """Static details in Markdown: what does not change while the workflow lives."""
    return "\n".join(
        f"- **{name.replace('_', ' ')}:** {value}" for name, value in named.items() if value
    )
