"""What is behind a row of the timeline: pages of its event, text, request, response and bytes."""
