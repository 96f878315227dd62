"""The plain part of YAML, with the line of every value.

True/false, null, numbers, texts, lists and mappings are read. What YAML 1.1 would guess (`NO` as
false, `12:30` as 750, a date as a date) stays text, and what could hide something (a key named
twice, anchors, tags) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import yaml

_TAG: Final = "tag:yaml.org,2002:"


class YamlInvalid(ValueError):
    """A text that is not plain YAML: where (line, from 1; 0 unknown), why, and what to do."""

    def __init__(self, line: int, reason: str, remedy: str) -> None:
        self.line, self.reason, self.remedy = line, reason, remedy
        super().__init__(f"line {line}: {reason}. {remedy}")


class PlainYaml:
    """One parsed document."""

    def __init__(self, text: str, *, numbers_as_text: bool = False) -> None:
        """With `numbers_as_text` an amount keeps its digits: 2.50 is "2.50", never a float.

        Raises YamlInvalid.
        """
        loader = _TextLoader(text) if numbers_as_text else _Loader(text)
        try:
            self._root = loader.get_single_node()
            if self._root is None:
                raise YamlInvalid(1, "it is empty", "Write the document.")
            self.value: object = loader.construct_document(self._root)
        except yaml.MarkedYAMLError as broken:
            raise _invalid(broken) from None
        except yaml.YAMLError as broken:
            raise YamlInvalid(0, f"it is not YAML ({broken})", "Correct it.") from None
        except RecursionError:
            raise YamlInvalid(0, "it is nested too deeply", "Flatten it.") from None

    def line(self, location: Sequence[int | str]) -> int:
        """The line of the innermost part of a location that the document has, from 1."""
        assert self._root is not None
        node, line = self._root, self._root.start_mark.line
        for part in location:
            step = _child(node, part)
            if step is None:
                break
            line, node = step
        return line + 1


def _child(node: yaml.Node, part: int | str) -> tuple[int, yaml.Node] | None:
    """The line on which a part of a node begins, and its value."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child.start_mark.line, child
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line, value
    return None


def _invalid(broken: yaml.MarkedYAMLError) -> YamlInvalid:
    mark = broken.problem_mark or broken.context_mark
    reason = broken.problem or broken.context or "it is not YAML"
    return YamlInvalid(mark.line + 1 if mark else 0, reason, broken.note or "Correct the YAML.")


class _Loader(yaml.SafeLoader):
    """Safe, without guesses, without anchors and tags, and strict about keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # unannotated in the stubs
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise _refused("anchors and aliases are not read", event.start_mark, "Write it out.")
        if event.tag:
            raise _refused("tags are not read", event.start_mark, "Remove the tag.")
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
        return node


class _TextLoader(_Loader):
    """The same without numbers."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refused("a key must be a word", key.start_mark, "Use a word.")
        if key.value in seen:
            raise _refused(f"{key.value!r} is named twice", key.start_mark, "Remove one of them.")
        seen.add(key.value)
        key.tag = f"{_TAG}str"  # an account number is a key, not a number


def _refused(problem: str, mark: yaml.Mark, note: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark, note=note)


def _read_as(
    tag: str, pattern: str, first_characters: Sequence[str], loader: type[_Loader] = _Loader
) -> None:
    loader.add_implicit_resolver(f"{_TAG}{tag}", re.compile(pattern), list(first_characters))


for _loader in (_Loader, _TextLoader):
    _read_as("bool", r"^(?:true|false)$", "tf", _loader)
    _read_as("null", r"^(?:null|~|)$", ["n", "~", ""], _loader)
_read_as("int", r"^-?(?:0|[1-9][0-9]{0,17})$", "-0123456789")
_read_as("float", r"^-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}$", "-0123456789")
