"""`talkpath install-service`: talkpath under systemd."""
