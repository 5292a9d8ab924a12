"""Bytes of clients become pixels here, and nowhere else in the service."""
