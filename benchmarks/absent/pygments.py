"""Hides pygments: httpx or structlog loads it where it is, and no service has it."""

raise ImportError
