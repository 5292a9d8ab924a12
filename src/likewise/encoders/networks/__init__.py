"""Networks of torch, read at any layer and pooled in any way: the only place under encoders/ that imports torch."""
