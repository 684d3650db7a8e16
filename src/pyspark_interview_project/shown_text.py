"""Text made fit to be shown: without what a terminal obeys, without secrets, without values of somebody's data."""

from __future__ import annotations

import re

# One slash is enough: a URI that was taken for a path has lost the other.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+[^\s/]\S*")
_CREDENTIALS = re.compile(r"(:/+)[^\s/@]*(:\S*)?@")
_PARAMETER = re.compile(r"([;?&][^=;&\s]+=)[^;&\s]+")
# From the first quote to the last one, as a quoted value may have quotes in it. An apostrophe in a word is none.
_QUOTED = re.compile(r"""(?<!\w)["'].*["'](?!\w)""", re.DOTALL)


def printable(text: str) -> str:
    r"""The text on one line. Characters that a terminal obeys (line ends, escapes, marks that turn the direction of
    writing) become \x1b, \n or \u202e, so that they can neither forge a line nor change what a person sees."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def shortened(text: str, most: int) -> str:
    """The text; where it is longer than `most`, its beginning and how much is left out."""
    return text if len(text) <= most else f"{text[:most]}… and {len(text) - most:,} more characters"


def without_secrets(text: str) -> str:
    """The text with *** for what gives access: the user and password, and each parameter, of an address."""
    return _ADDRESS.sub(lambda found: _CREDENTIALS.sub(r"\1***@", _PARAMETER.sub(r"\1***", found[0])), text)


def without_values(message: str) -> str:
    """The first line of an engine's message, with … for what it quotes, which may be somebody's data."""
    return _QUOTED.sub("…", message).strip().partition("\n")[0]
