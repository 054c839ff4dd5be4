"""What was found and recorded, in formats for people and programs."""
