"""The screens: the browser, and the dialogs over it."""
