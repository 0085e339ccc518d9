"""What observability costs a request: bare FastAPI, the usual stacks and a generated service."""
