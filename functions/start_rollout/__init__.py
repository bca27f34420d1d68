"""An approved version is placed beside the champion, without traffic."""
