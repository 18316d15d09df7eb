"""Words everyone speaks: addresses and flows, the machine contract, errors, limits, redaction, texts."""
