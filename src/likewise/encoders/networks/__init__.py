"""Networks of torch, read at any layer and pooled in any way."""
