"""Hides colorama from the variants: httpx or structlog loads it where it is, and no service has it."""

raise ImportError
