"""The commands of the command line, a module a job: what they say and take; the work is done elsewhere."""
