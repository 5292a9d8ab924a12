"""One file for each group of endpoints; each has a `router`, and `likewise.service.app` lists them."""
