"""Policy: guard, authentication, registrar, forking, proxy. Decides; performs nothing."""
