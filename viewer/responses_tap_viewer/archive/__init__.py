"""Streams as a Parquet dataset, for engines that ask over many recordings at once."""
