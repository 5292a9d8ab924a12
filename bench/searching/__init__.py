"""The parts of `bench/search.py`: galleries that are made, what is true of them, engines of ours and of others, and the rows."""
