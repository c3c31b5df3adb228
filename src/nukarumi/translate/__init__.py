"""From the source text of a rule to its other faces: straight lines first, then whatever is asked of them."""
