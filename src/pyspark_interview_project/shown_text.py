"""Text as it may be shown: nothing in it that a terminal obeys, no secret, no value of somebody's data."""

from __future__ import annotations

import re

# With one slash too: that is what is left of a URI that was taken for a path.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+[^\s/]\S*")
_CREDENTIALS = re.compile(r"(:/+)[^\s/@]*(:\S*)?@")
_PARAMETER = re.compile(r"([;?&][^=;&\s]+=)[^;&\s]+")
# From the first quote to the last one: what is quoted may have quotes in it. An apostrophe in a word is none.
_QUOTED = re.compile(r"""(?<!\w)["'].*["'](?!\w)""", re.DOTALL)


def printable(text: str) -> str:
    r"""The text on one line: each sign that is not printed but obeyed (line ends, escapes, marks that turn the
    direction of writing) as \x1b, \n or \u202e, so that it can neither forge a line nor change what a person sees."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and how much is left out where it is longer than `most`."""
    return text if len(text) <= most else f"{text[:most]}… and {len(text) - most:,} more characters"


def without_secrets(text: str) -> str:
    """The text with *** for what lets somebody in: in an address the user with the password, and each parameter."""
    return _ADDRESS.sub(lambda found: _CREDENTIALS.sub(r"\1***@", _PARAMETER.sub(r"\1***", found[0])), text)


def without_values(message: str) -> str:
    """The first line of what an engine says, with … for all that it quotes: that may be somebody's data."""
    return _QUOTED.sub("…", message).strip().partition("\n")[0]
