"""The stories by name."""

from __future__ import annotations

from canonical.errors import SetupInvalid
from workers.demo.stories import capped, fixed_fee, milestones, retainer, time_and_materials
from workers.demo.stories.base import DemoStory

STORIES: tuple[DemoStory, ...] = (time_and_materials, capped, retainer, milestones, fixed_fee)


def story_named(name: str) -> DemoStory:
    """Raises SetupInvalid for a name that no story has."""
    for story in STORIES:
        if story.name == name:
            return story
    known = ", ".join(story.name for story in STORIES)
    raise SetupInvalid(f"the demo has no scenario {name!r}; choose one of: {known}")
