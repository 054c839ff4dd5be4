"""The recorder's half inside the proxy: takes what happens to flows, and feeds it to a worker."""
