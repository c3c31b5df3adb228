"""The browser lab: the same rules as the library, to be walked, stopped and taken apart."""
