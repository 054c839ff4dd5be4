"""What was found and recorded, in the forms that people and programs read."""
