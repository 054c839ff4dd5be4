"""Asks a server what a correct one answers: scenarios as data, a runner, and outcomes that name what is missing."""
