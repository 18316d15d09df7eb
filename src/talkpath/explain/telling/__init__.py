"""What was found, as people and programs read it: the report, JSON, the page, the catalogue of rules."""
