"""What outlives the process: accounts, registrations, call history. Embedded in one SQLite file.

A clustered store offers the same verbs: `save_binding`, `drop_binding` and `load`; `ha1`, `exists` and `refresh`;
`save` and `find`. Nothing here decides anything about a call.
"""
