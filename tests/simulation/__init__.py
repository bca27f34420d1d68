"""The whole system in one thread under a virtual clock; a seed decides what goes wrong."""
