"""Find the pictures that look like yours."""

__version__ = "0.1.0"
