"""The official clients: a driver for each, the environment it runs in, and what its answer means."""
