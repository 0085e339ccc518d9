"""Hides colorama: httpx or structlog loads it where it is, and no service has it."""

raise ImportError
