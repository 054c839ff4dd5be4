"""The screens and dialogs, and what belongs to one of them alone."""
