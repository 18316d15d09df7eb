"""Making passwords that people can read aloud and type on a phone."""

import secrets

# Without characters that are mistaken for others (0 O, 1 l I) or hard to reach on a telephone's keys.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
# 31 ** 14 is 69 bits: out of reach even for someone who caught a digest and guesses offline.
_LENGTH = 14


def make_password() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
