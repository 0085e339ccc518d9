"""The sample route, meant to be replaced together with it."""

from fastapi.testclient import TestClient

from app.observability.testing import LogLine


def test_greets_by_name(client: TestClient) -> None:
    """A caller is greeted by the name it gives."""
    assert client.get("/greetings/Ada").json() == {"message": "Hello, Ada"}


def test_name_is_not_logged(client: TestClient, log_lines: list[LogLine]) -> None:
    """The log says that a greeting was sent, and nothing that could identify a person."""
    client.get("/greetings/Ada")
    (line,) = [line for line in log_lines if line["event"] == "greeting sent"]
    assert line["recipient_length"] == 3
