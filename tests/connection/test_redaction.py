"""Secrets are taken out of texts, and short ones only where they stand for themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctfy_rx.connection.redaction import Secrets

SENTENCES = [
    "the connection to http://ctf.example/demo/stream was lost: connection reset by peer",
    "http://ctf.example/a/events answered 404: there is no event stream at this address: check the URL",
    "could not connect to https://demo.example:8443/demo: All connection attempts failed",
]


@pytest.mark.parametrize("secret", ["a", "e", "in", "http", "demo", "80", ".", "404", "ctf", "no"])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_short_secret_garbles_no_message(secret: str, sentence: str):
    assert Secrets(None, secret).hidden(sentence) == sentence


@pytest.mark.parametrize("secret", ["a", "demo", "80", "pt_1"])
@pytest.mark.parametrize(
    "text",
    [
        "/events?token={}",
        "/events?token={}&x=1",
        "/login?next=%2Fevents%3Ftoken%3D{}",
        "/login?next=%252Fevents%253Ftoken%253D{}%2526x",
        '{{"password": "{}"}}',
        "{{'password': '{}'}}",
        "http://me:{}@ctf.example/",
        "[(b'x-secret', b'{}')]",
        "{}",
    ],
)
def test_where_it_is_a_value_it_is_hidden(secret: str, text: str):
    assert Secrets(None, secret).hidden(text.format(secret)) == text.format("***")


@given(st.text(min_size=6), st.text(), st.text())
def test_a_long_one_is_hidden_everywhere(secret: str, before: str, after: str):
    assert secret not in Secrets(secret).hidden(before + secret + after).replace("***", "")


def test_only_the_token_is_taken_out_of_an_address():
    secrets = Secrets("pt_secret", "stream", "Bearer stream")
    assert secrets.without_token("/stream?next=pt%5Fsecret") == "/stream?next=***"
    assert Secrets("demo").without_token("/demo/stream") == "/demo/stream"


def test_whether_there_are_any():
    assert Secrets("a")
    assert not Secrets(None, "")
