"""The stack: the catalogue and the routes wired into AWS, one construct per capability."""
