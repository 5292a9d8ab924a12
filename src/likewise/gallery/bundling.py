"""ES modules as one classic script, because browsers load no modules from file://: each in a scope of its own, in the order of need.

Our modules keep to what this reads: named imports from beside them, and `export` in front of a declaration.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from likewise.errors import BadArgument

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|const|class) (\w+))", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundled(read: Callable[[str], str], entry: str) -> str:
    """One script of a module and all that it needs.

    Args:
        read: Gives the text of a module by its name without `.js`.
        entry: The module that runs last.

    Raises:
        BadArgument: If a module imports or exports in another way, or two need each other.
    """
    order: list[str] = []
    _collect(read, entry, [], order)
    return '"use strict";\n(() => {\n' + "".join(_scope(name, read(name)) for name in order) + "})();\n"


def _collect(read: Callable[[str], str], name: str, above: list[str], order: list[str]) -> None:
    if name in above:
        raise BadArgument(f"{' → '.join([*above, name])}: modules that need each other: take out what both need")
    for found in _IMPORT.finditer(read(name)):
        if found[2] not in order:
            _collect(read, found[2], [*above, name], order)
    order.append(name)


def _scope(name: str, text: str) -> str:
    exported = [found[1] for found in _EXPORT.finditer(text)]
    body = _EXPORT.sub("", _IMPORT.sub(_taken, text))
    left = _LEFT.search(body)
    if left:
        raise BadArgument(
            f"{name}.js: {left[0]!r} cannot be bundled: import {{names}} from beside, export declarations"
        )
    given = ", ".join(exported)
    return f"const {_variable(name)} = (() => {{\n{body}return {{ {given} }};\n}})();\n"


def _taken(found: re.Match[str]) -> str:
    names = ", ".join(": ".join(part.split(" as ")) for part in map(str.strip, found[1].split(",")) if part)
    return f"const {{ {names} }} = {_variable(found[2])};\n"


def _variable(name: str) -> str:
    return f"module_{name.replace('-', '_')}"
