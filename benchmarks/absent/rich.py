"""Hides rich from the variants: structlog and httpx load it where it is, and no service has it."""

raise ImportError
