"""The service under test: the template's, with routes that take their time."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Render

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def folder(render: Render) -> Path:
    """A service with the routes of `routes.py`; tests must not change it."""
    service = render()
    shutil.copy(HERE / "routes.py", service / "app/api/faults.py")
    main = service / "app/main.py"
    text = main.read_text()
    text = text.replace("from app.api import greetings", "from app.api import faults, greetings")
    include = "app.include_router(greetings.router)\n"
    main.write_text(text.replace(include, f"{include}    app.include_router(faults.router)\n"))
    return service
