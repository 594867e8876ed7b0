"""What the library's errors tell to write, as the command line has it: its options, not Python's."""

from __future__ import annotations

__all__ = ["WORDS", "in_own_words"]

WORDS = {
    "log in again, or check token=": "log in again with `ctfy auth login`, or check --token-file "
    "or CTFY_TOKEN",
    "write log=False to hear the events live, each perhaps never": "leave --since away, or log in as "
    "somebody who can, with `ctfy auth login`",
    "which since= and log=True need, events() needs a platform and a token": "which --since needs, log in "
    "with `ctfy auth login`, or write --token-file",
    "since= reads": "--since reads",
    ": for another server write last_event_id=, after which it goes on where it can": "",
    "name one, competition=": "name one, --competition ",
    "competition= takes": "--competition takes",
    ", or write poll=True": "",
    "events() with the URL of its root": "write its root, --platform-url https://ctf.example",
    "pass verify= if it is your own": "name a file with it in SSL_CERT_FILE if it is your own",
    "by headers=, or a proxy?": "by a proxy?",
    "raise max_frame_bytes if the server really sends such frames": "look at what the server sends",
    "first_bloods() needs": "--filter first_bloods needs",
    "shared_flags() needs": "--filter shared_flags needs",
    "mine() and verdicts() need": "--filter mine and --filter verdicts need",
}
"""What the library writes, and what to write in its place."""


def in_own_words(said: str) -> str:
    """`said` with options of the command line.

    >>> in_own_words("http://ctf.example has 2 contests: name one, competition=one of a, b")
    'http://ctf.example has 2 contests: name one, --competition one of a, b'
    """
    for words, own in WORDS.items():
        said = said.replace(words, own)
    return said
