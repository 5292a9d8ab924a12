"""What `bench/embed.py` and `bench/search.py` share: contenders in processes of their own, turns, parts of a run, and figures."""
