"""The `baseline` command: show and check the operational baseline of services."""
