"""The HTTP service: an ASGI app over the same search as the library and the command line. docs/service.md has every endpoint."""
