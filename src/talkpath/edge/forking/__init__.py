"""One request on its way to one or several targets, and the one answer that goes back."""
