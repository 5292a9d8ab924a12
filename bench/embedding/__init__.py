"""The parts of `bench/embed.py`: rows, contenders in processes of their own, and the figures."""
