"""All traffic returns to the champion, verified."""
