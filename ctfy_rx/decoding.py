"""JSON texts -> data and payloads. Nothing here raises: what cannot be read is told by what comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from ctfy_rx.catalogue import PAYLOADS, Payload

__all__ = ["decoded", "encoded", "from_json", "payload_of"]

_decode_json = msgspec.json.Decoder().decode
_encode_json = msgspec.json.Encoder().encode
_UNDECODABLE = (msgspec.DecodeError, UnicodeEncodeError, RecursionError)  # the second for lone surrogates


def from_json(text: str | bytes) -> Any:
    """The decoded JSON. Raises ValueError where it is none.

    >>> from_json(b'{"a": [1, NaN]}')
    {'a': [1, nan]}
    """
    try:
        return _decode_json(text)
    except _UNDECODABLE:
        pass
    try:
        return json.loads(text)  # what msgspec refuses and the platform's SDK takes: NaN, lone surrogates
    except RecursionError:
        raise ValueError("this JSON is nested too deeply") from None


def decoded(text: str) -> Any:
    """The decoded JSON, or `text` itself where it is none.

    >>> decoded('{"a": 1}'), decoded("no { json")
    ({'a': 1}, 'no { json')
    """
    try:
        return from_json(text)
    except ValueError:
        return text


def encoded(data: Any) -> str:
    """`data` as JSON, without spaces.

    >>> encoded({"a": [1, None]})
    '{"a":[1,null]}'
    """
    try:
        return _encode_json(data).decode()
    except (UnicodeEncodeError, OverflowError):  # lone surrogates, numbers of more than 64 bits
        return json.dumps(data, separators=(",", ":"))


def payload_of(name: str, text: str) -> Any:
    """The typed payload of the event `name`, a plain `Payload` where the catalogue does not know it. A field
    that is missing, null or of another type than declared is None.

    >>> payload_of("flag_wrong", '{"actor_name": "Mallory", "solve_time_s": "soon"}').actor_name
    'Mallory'
    """
    try:
        return _DECODERS[name](text)
    except _UNDECODABLE:
        return _lenient(PAYLOADS.get(name, Payload), decoded(text))


class _Decoders(dict[str, Callable[[str], Any]]):
    """What decodes the payload of each name of the catalogue, made when the name first comes."""

    def __missing__(self, name: str) -> Callable[[str], Any]:
        if name not in PAYLOADS:  # not kept: a server may invent as many as it likes
            return _decode_plain
        self[name] = decode = msgspec.json.Decoder(PAYLOADS[name]).decode
        return decode


_decode_plain = msgspec.json.Decoder(Payload).decode
_DECODERS = _Decoders()


def _lenient(declared: type[Payload], data: Any) -> Payload:
    if not isinstance(data, Mapping):
        return declared()
    came = cast("Mapping[str, Any]", data)
    fields = msgspec.structs.fields(declared)
    return declared(**{field.name: _converted(came.get(field.name), field.type) for field in fields})


def _converted(value: Any, type_: Any) -> Any:
    try:
        return msgspec.convert(value, type_)
    except _UNDECODABLE:
        return None
