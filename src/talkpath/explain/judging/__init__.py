"""From what was read to findings: the rules, which of them run, which cause is told, what bad calls share."""
