"""Who may look and who may change things; that nothing on a card can make the page do anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cart import Cart
from premises import HOSTILE, QUOTES, TOKENS, Reader, asked, clip_id, desk_of
from starlette.testclient import TestClient

from daemon.config import load
from daemon.errors import ConfigError
from daemon.web.access import SESSION_SECONDS, Access, Role, access_of

PAGES = ("/", "/clips", "/clips?show=stopped", "/queue", "/model", "/clips/1")


def test_every_page_answers_under_a_policy_that_runs_and_loads_our_own_files_alone(reader: Reader) -> None:
    for path in (*PAGES, "/login", "/static/own/page.css", "/no/such/page"):
        headers = reader.client.get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["img-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"


def test_no_page_has_a_script_a_style_or_a_handler_in_it(reader: Reader) -> None:
    for path in PAGES:
        text = reader.reads(path).lower()
        assert "<style" not in text
        assert " style=" not in text
        assert text.count("<script") == text.count('<script src="/static/')


def test_names_from_a_card_are_shown_and_never_run(dressed_cart: Cart, reader: Reader) -> None:
    paths = (*PAGES, *(f"/clips/{clip_id(dressed_cart, name)}" for name in (HOSTILE, QUOTES)))
    texts = [reader.reads(path) for path in paths]
    for text in texts:
        assert "<img src=x" not in text
        assert "<b>Harbour</b>" not in text
        assert "' onmouseover='" not in text
    assert any("&lt;img src=x onerror=alert(1)&gt;" in text for text in texts)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1", "127.0.0.1:1", ""])
def test_a_page_that_is_called_by_another_name_answers_nothing(dressed_cart: Cart, host: str) -> None:
    answer = desk_of(dressed_cart).get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "TEST" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ""},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "https://127.0.0.1:8080"},
        {"HX-Request": ""},
    ],
    ids=["no origin", "hidden origin", "another site", "another scheme", "a plain form"],
)
def test_what_another_site_sends_changes_nothing(dressed_cart: Cart, reader: Reader, headers: dict[str, str]) -> None:
    assert reader.presses("/clips/1/first", **headers).status_code == 403
    assert asked(dressed_cart) == []


def test_nothing_but_reading_and_pressing_is_done(reader: Reader) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert reader.client.request(method, "/clips/1/first").status_code == 405
    assert reader.client.get("/clips/1/first").status_code in {404, 405}


def login(client: TestClient, token: str) -> int:
    sent = {"Origin": str(client.base_url).rstrip("/")}
    return client.post("/login", data={"token": token}, headers=sent).status_code


def test_what_nobody_but_an_attacker_sends_is_answered_and_is_no_fault_of_ours(dressed_cart: Cart) -> None:
    client = desk_of(dressed_cart)
    digits = "9" * 5000  # Python reads no number of so many
    assert client.get(f"/clips/{digits}").status_code == 414
    headers = {"Origin": str(client.base_url), "HX-Request": "true"}
    assert client.post(f"/clips/{digits}/retry", headers=headers).status_code == 414
    for body in (b"&a=b" * 1000, b"\xff\x00", b"token=%ff%00"):
        answer = client.post("/login", content=body, headers=headers)
        assert answer.status_code == 403, body[:9]


def test_without_a_token_nothing_is_seen_and_an_editor_sees_everything_and_changes_nothing(dressed_cart: Cart) -> None:
    client = desk_of(dressed_cart, Access(TOKENS))
    reader = Reader(client)
    for path in (*PAGES, "/events", "/clips/1/stills/a.jpg", "/models/aa/stills"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert reader.presses("/clips/1/first").headers["hx-redirect"] == "/login"
    assert login(client, "wrong") == 403
    assert login(client, TOKENS[Role.VIEWER].decode()) == 303
    assert "read only" in reader.reads("/")
    for path in PAGES:
        assert "hx-post" not in reader.reads(path).replace('hx-post="/logout"', "")
    for path in ("/clips/1/first", "/cards/1/retry", "/stages/render/pause", f"/models/{'a' * 64}/rollback"):
        assert reader.presses(path).status_code == 403
    assert asked(dressed_cart) == []


def test_the_operator_changes_things_until_he_leaves_or_the_day_is_over(dressed_cart: Cart) -> None:
    client = desk_of(dressed_cart, Access(TOKENS))
    reader = Reader(client)
    assert login(client, f" {TOKENS[Role.OPERATOR].decode()}\n") == 303
    cookie = next(iter(client.cookies.jar))
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "strict"
    assert reader.presses("/stages/render/pause").status_code == 200
    assert asked(dressed_cart) == [("pause", "render")]
    assert reader.presses("/logout").headers["hx-redirect"] == "/login"
    assert client.get("/").status_code == 303


def test_a_session_is_of_its_token_and_its_day() -> None:
    access = Access(TOKENS)
    session = access.begin(Role.VIEWER, 1000.0)
    assert access.role_in(session, 1000.0 + SESSION_SECONDS - 1) is Role.VIEWER
    assert access.role_in(session, 1000.0 + SESSION_SECONDS + 1) is None
    assert access.role_in(session.replace("viewer", "operator"), 1000.0) is None
    assert access.role_in(session, 1000.0) is Role.VIEWER
    assert Access(TOKENS | {Role.VIEWER: b"n" * 40}).role_in(session, 1000.0) is None
    for other in ("", "viewer", "viewer.1.x", session + "0", session.replace(".", "..")):
        assert access.role_in(other, 1000.0) is None


CONFIG = "production: {{code: S}}\noffload: {{roots: [c]}}\ndelivery: {{root: d}}\nstate: {{root: s}}\npage: {{{}}}\n"
TLS = "certificate: c.pem, key: k.pem"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("bind: 10.0.0.5", "off loopback the page needs certificate, key, operator_token"),
        (f"bind: 10.0.0.5, {TLS}", "off loopback the page needs operator_token"),
        ("bind: 10.0.0.5, operator_token: t", "off loopback the page needs certificate, key"),
        (f"bind: 0.0.0.0, {TLS}, operator_token: t", "needs names"),
        ("viewer_token: t", "a viewer_token needs an operator_token"),
        ("certificate: c.pem", "certificate and key are needed together"),
        ("bind: everywhere", "an IP address such as 127.0.0.1"),
        ("bind: localhost", "an IP address such as 127.0.0.1"),
    ],
)
def test_a_page_that_others_could_reach_unguarded_is_refused(tmp_path: Path, words: str, fault: str) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG.format(words))
    with pytest.raises(ConfigError, match=fault):
        load(tmp_path / "config.yaml")


def page(tmp_path: Path, words: str):
    (tmp_path / "config.yaml").write_text(CONFIG.format(words))
    return load(tmp_path / "config.yaml").page


def test_a_guarded_page_may_listen_elsewhere(tmp_path: Path) -> None:
    assert page(tmp_path, f'bind: "::", names: [cart.local], {TLS}, operator_token: t').names == ["cart.local"]
    assert page(tmp_path, 'bind: "::1"').is_local


@pytest.fixture
def token(tmp_path: Path) -> Callable[[str, int], Path]:
    def write(text: str, mode: int = 0o600) -> Path:
        path = tmp_path / "t"
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


def test_a_token_that_others_may_read_or_guess_is_refused(tmp_path: Path, token: Callable[..., Path]) -> None:
    token("x" * 32)
    assert access_of(page(tmp_path, "operator_token: t")).role_of("x" * 32) is Role.OPERATOR
    token("x" * 32, 0o644)
    with pytest.raises(ConfigError, match=r"others may read or write it \(mode 644\)"):
        access_of(page(tmp_path, "operator_token: t"))
    token("x" * 31)
    with pytest.raises(ConfigError, match="31 characters, and 32 are the least"):
        access_of(page(tmp_path, "operator_token: t"))
    token("x" * 32)
    with pytest.raises(ConfigError, match="one token"):
        access_of(page(tmp_path, "operator_token: t, viewer_token: t"))
    with pytest.raises(ConfigError, match="cannot be read"):
        access_of(page(tmp_path, "operator_token: gone"))
