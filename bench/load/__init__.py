"""Clients that ask a service for a while, and the same questions without a service between."""
