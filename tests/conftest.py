"""How the property tests run: the same cases each time in `make test`, many fresh ones in `make fuzz`."""

from hypothesis import HealthCheck, settings

# No deadline: a busy machine shall not fail a test. Who wants more or fewer cases than others takes a share of these.
settings.register_profile("test", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("test")
