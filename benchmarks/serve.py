"""Serve a variant with uvicorn: `PORT=8000 python -m benchmarks.serve MODULE`.

The generated service needs none of this: it has a start command of its own.
"""

import importlib
import os
import sys

import uvicorn


def main() -> None:
    """Serve until the process is killed. The log is the application's own, if it has one."""
    app = importlib.import_module(sys.argv[1]).create_app()
    port = int(os.environ["PORT"])
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
